"""The line of every key in a TOML text that is already known to be valid (TOML 1.0).

The standard library's parser keeps no positions, and a message without a line makes people search.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_TOKEN = re.compile(
    r'(?P<string>"""(?:\\.|[^\\])*?""""{0,2}'
    r"|'''.*?''''{0,2}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*')"
    r"|(?P<blank>#[^\n]*|[ \t\r]+)"
    r"|(?P<newline>\n)"
    r"|(?P<mark>[\[\]{}=,.])"
    r"|(?P<bare>[^\s\[\]{}=,.\"'#]+)",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, where each table, key and element of a list begins."""
    return _Scanner(text).scan()


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a key, or of the table it is missing from; None if neither is written."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


_END = _Token("end", "", 0)


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind is not None and kind != "blank":
            yield _Token(kind, found.group(), line)
        line += found.group().count("\n")


class _Scanner:
    """One walk over the tokens; where the text is odd it ends early, and later keys have no line."""

    def __init__(self, text: str) -> None:
        self._rest = _tokens(text)
        self._token = next(self._rest, _END)
        self._lines: dict[KeyPath, int] = {}
        self._last_element: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._token is not _END:
            if self._token.kind == "newline":
                self._advance()
            elif self._token.text == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _advance(self) -> _Token:
        token, self._token = self._token, next(self._rest, _END)
        return token

    def _header(self) -> KeyPath:
        line = self._advance().line
        is_element = self._token.text == "["
        if is_element:
            self._advance()
        parts = self._key()
        while self._token.text == "]":
            self._advance()
        path: KeyPath = ()
        for position, part in enumerate(parts, 1):
            path = (*path, part)
            self._lines.setdefault(path, line)
            if is_element and position == len(parts):
                self._last_element[path] = self._last_element.get(path, -1) + 1
            if path in self._last_element:
                path = (*path, self._last_element[path])
                self._lines.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        line, path = self._token.line, table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._advance()
        self._value(path)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while self._token.kind in {"bare", "string"}:
            token = self._advance()
            parts.append(token.text if token.kind == "bare" else tomllib.loads(f"key = {token.text}")["key"])
            if self._token.text == ".":
                self._advance()
        return parts

    def _value(self, path: KeyPath) -> None:
        opening = self._token.text
        if opening not in {"[", "{"}:
            while self._token is not _END and self._token.kind != "newline" and self._token.text not in set(",]}"):
                self._advance()
            return
        self._advance()
        index = 0
        while self._token is not _END and self._token.text not in {"]", "}"}:
            if self._token.kind == "newline" or self._token.text == ",":
                self._advance()
            elif opening == "{":
                self._pair(path)
            else:
                self._lines[(*path, index)] = self._token.line
                self._value((*path, index))
                index += 1
        self._advance()
