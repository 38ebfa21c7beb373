"""Reading `WWW-Authenticate`: what a registry wants to see (RFC 9110 section 11.6.1).

The text comes from a remote party, so it is walked once by hand, in time linear in its length: a regular
expression of the usual shape takes seconds on a short header made for the purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SPACE = " \t"
_WORD_ENDS = ' \t,="'
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: the scheme and the names of the parameters in lower case, values as sent."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str | None:
        """The value of a parameter; of one that is given twice, the first."""
        return next((value for key, value in self.parameters if key == name), None)


def parse_challenges(header_values: Sequence[str]) -> tuple[Challenge, ...]:
    """Every challenge in all `WWW-Authenticate` values of a response, in their order.

    Several challenges in a value, quoted and bare parameters and a token68 are understood. What cannot be
    read is passed over and the rest still counts; nothing raises, because a registry that sends one odd
    challenge usually sends a usable one as well.
    """
    return tuple(challenge for value in header_values for challenge in _Reader(value).challenges())


class _Reader:
    """A position in one header value that only moves forward."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def challenges(self) -> list[Challenge]:
        found: list[tuple[str, list[tuple[str, str]]]] = []
        readable = False
        fresh = False  # nothing but spaces since the scheme: here alone may a token68 stand
        while self._at < len(self._text):
            character = self._text[self._at]
            if character in _SPACE:
                self._at += 1
                continue
            if character in ",=":
                self._at += 1
                fresh = False
                continue
            if character == '"':
                self._quoted()
                fresh = False
                continue
            word = self._word()
            if self._equals():
                value = self._value()
                if readable and value and _TOKEN.issuperset(word):
                    found[-1][1].append((word.lower(), value))
                fresh = False
            elif fresh:
                fresh = False
            else:
                readable = fresh = _TOKEN.issuperset(word)
                if readable:
                    found.append((word.lower(), []))
        return [Challenge(scheme, tuple(parameters)) for scheme, parameters in found]

    def _word(self) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in _WORD_ENDS:
            self._at += 1
        return self._text[start : self._at]

    def _equals(self) -> bool:
        self._spaces()
        if not self._text.startswith("=", self._at):
            return False
        self._at += 1
        self._spaces()
        return True

    def _value(self) -> str:
        """A parameter's value; empty where there is none that counts, as after the `=` of a token68."""
        return self._quoted() if self._text.startswith('"', self._at) else self._word()

    def _quoted(self) -> str:
        """A quoted string without its quotes and escapes; one that never closes counts as empty."""
        self._at += 1
        characters: list[str] = []
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character == '"':
                return "".join(characters)
            if character == "\\" and self._at < len(self._text):
                character = self._text[self._at]
                self._at += 1
            characters.append(character)
        return ""

    def _spaces(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1
