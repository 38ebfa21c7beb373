"""A `Fetch` that answers from a function, at the seam where HTTP would begin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proxy.auth.fetch import FetchReply


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was made."""

    url: str
    headers: Mapping[str, str]
    form: Mapping[str, str] | None
    limit: int


@dataclass(eq=False)
class FakeFetch:
    """Records every call; `answer` gives its reply or raises. While `gate` is closed, calls are under way."""

    answer: Callable[[Call], FetchReply]
    calls: list[Call] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(
        self, url: str, *, headers: Mapping[str, str], form: Mapping[str, str] | None, limit: int
    ) -> FetchReply:
        call = Call(url, dict(headers), None if form is None else dict(form), limit)
        self.calls.append(call)
        self._news.set()
        await self.gate.wait()
        return self.answer(call)

    async def called(self, count: int) -> None:
        """Return once this many calls have been made."""
        while len(self.calls) < count:
            self._news.clear()
            await self._news.wait()


def reply(
    status: int = 200, *challenges: str, body: bytes | Mapping[str, object] = b"", retry_after: str | None = None
) -> FetchReply:
    """A reply; a mapping as its body is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FetchReply(status, challenges, content, retry_after)
