"""Asking credential helpers, and remembering their answers for a while (docker-credential-helpers, "get")."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cachetools import TTLCache

from proxy.auth.credentials import Credential, stored_credential
from proxy.auth.helperprocess import HelperFailed, HelperOutput, find_helper, helper_environment, run_helper
from proxy.core.clock import Clock
from proxy.core.flights import Flights
from proxy.core.jsonobject import parse_object, text_field

_logger = logging.getLogger(__name__)
_KEPT_SECONDS = 300.0
_TRUSTED_SECONDS = 60.0
_MOST_ANSWERS = 1024
_NOT_FOUND = b"credentials not found in native keychain"

_Question: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a helper had, if anything, and the monotonic second at which it was asked."""

    credential: Credential | None
    asked: float


class Helpers:
    """The helpers of this user. Its owner must `close` it.

    "There is none" and "it failed" are remembered like credentials: otherwise a keychain without an entry
    would cost a process for each request.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._environ = environ
        self._clock = clock
        self._answers: TTLCache[_Question, _Answer] = TTLCache(_MOST_ANSWERS, _KEPT_SECONDS, timer=clock.monotonic)
        self._calls: Flights[_Question, Credential | None] = Flights()

    async def ask(self, name: str, server: str) -> Credential | None:
        """What the helper `docker-credential-<name>` has for a server; None, and a warning, where it fails."""
        question = name, server
        held = self._answers.get(question)
        if held is not None:
            return held.credential
        return await self._calls.join(question, lambda: self._run(question))

    def forget(self, servers: Collection[str]) -> None:
        """Drop what is remembered for these servers, whichever helper said it, unless it is less than a minute old.

        A newer answer would be the same again, and a source that denies each request would start a process for each.
        """
        oldest = self._clock.monotonic() - _TRUSTED_SECONDS
        old = [key for key, answer in self._answers.items() if key[1] in servers and answer.asked <= oldest]
        for question in old:
            self._answers.pop(question, None)

    async def close(self) -> None:
        """End the helpers that run."""
        await self._calls.close()

    async def _run(self, question: _Question) -> Credential | None:
        name, server = question
        asked = self._clock.monotonic()
        credential = None
        try:
            program = find_helper(name, self._environ)
            result = await run_helper(program, server, helper_environment(self._environ), self._clock)
            credential = parse_answer(result)
        except HelperFailed as failure:
            # %r, since both texts come from a file and may hold a line break.
            _logger.warning("credential helper %r gives nothing for %r: %s", name[:64], server, failure)
        self._answers[question] = _Answer(credential, asked)
        return credential


def parse_answer(result: HelperOutput) -> Credential | None:
    """The credential that a helper printed; None where it says it has none, HelperFailed if it makes no sense."""
    if result.status != 0:
        if result.output.strip() == _NOT_FOUND:
            return None
        raise HelperFailed(f"it ended with status {result.status}; run it by hand to see why")
    try:
        fields = parse_object(result.output)
        return stored_credential(text_field(fields, "Username"), text_field(fields, "Secret"))
    except ValueError as error:
        raise HelperFailed(f"its answer is unusable: {error}") from None
