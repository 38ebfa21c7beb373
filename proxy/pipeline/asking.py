"""Asking sources on behalf of wants: whole answers, heads, and supplies for fills. Bounded retries live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from cachetools import TTLCache

from proxy.cache.fill import Delivery
from proxy.core.clock import Clock
from proxy.core.errors import Offline, SourceBroken, SourceMissing, SourceTimeout, SourceUnreachable
from proxy.core.retry import RetryRule
from proxy.core.wants import Page, Place
from proxy.upstream.client import Asking, Upstream

T = TypeVar("T")

_NOT_MODIFIED = 304
_MOST_MISSING = 10_000


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer: its headers and the length of the body behind it. `unchanged` stands for a 304."""

    headers: Mapping[str, str]
    length: int | None
    unchanged: bool


class Sources:
    """All configured sources, asked by name.

    What a source says it does not have is believed for `negative_ttl` seconds. In offline mode nobody is asked.
    """

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        *,
        clock: Clock,
        retry: RetryRule,
        jitter: Callable[[], float],
        negative_ttl: float,
        offline: bool,
    ) -> None:
        self._upstreams = upstreams
        self._clock = clock
        self._retry = retry
        self._jitter = jitter
        self._offline = offline
        self._missing: TTLCache[Place, str] = TTLCache(_MOST_MISSING, negative_ttl, timer=clock.monotonic)

    @property
    def reachable(self) -> bool:
        """Whether sources may be asked at all."""
        return not self._offline

    async def head(self, place: Place, *, etag: str | None = None) -> Head:
        """What a HEAD says; `etag` makes it a question for changes."""
        return await self._persist(place, lambda: self._head_once(Asking("HEAD", place, etag=etag)))

    async def peek(self, place: Place) -> Head:
        """The head of a GET that is closed before its body: for upstreams whose HEAD cannot be used."""
        return await self._persist(place, lambda: self._head_once(Asking("GET", place)))

    async def whole(self, place: Place, limit: int) -> Page:
        """A whole small object; SourceBroken if it has more than `limit` bytes."""

        async def once() -> Page:
            async with self._upstream(place).open(Asking("GET", place)) as reply:
                body = await reply.whole(limit)
                if reply.length not in {None, len(body)}:
                    raise SourceUnreachable(f"source {place.source} sent less than it announced")
                return Page(body, reply.headers.get("Content-Type"), reply.headers)

        return await self._persist(place, once)

    def supply(self, place: Place) -> PlaceSupply:
        """The bytes of a place for a fill, which retries by itself."""
        return PlaceSupply(self, place)

    @asynccontextmanager
    async def deliver(self, place: Place, offset: int) -> AsyncIterator[Delivery]:
        """One attempt at the bytes from an offset on."""
        self._check_missing(place)
        try:
            async with self._upstream(place).open(Asking("GET", place, offset=offset)) as reply:
                start, size = reply.offset(offset)
                yield Delivery(start, size, reply.chunks())
        except SourceMissing as missing:
            self._missing[place] = missing.message
            raise

    async def _head_once(self, asking: Asking) -> Head:
        async with self._upstream(asking.place).open(asking) as reply:
            return Head(reply.headers, reply.length, unchanged=reply.status == _NOT_MODIFIED)

    async def _persist(self, place: Place, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat an attempt while that may help. After a time-out it would keep the client waiting too long."""
        self._check_missing(place)
        failures = 0
        while True:
            try:
                return await attempt()
            except SourceMissing as missing:
                self._missing[place] = missing.message
                raise
            except SourceTimeout:
                raise
            except SourceUnreachable:
                failures += 1
                pause = self._retry.pause(failures, self._jitter)
                if pause is None:
                    raise
            await self._clock.sleep(pause)

    def _check_missing(self, place: Place) -> None:
        message = self._missing.get(place)
        if message is not None:
            raise SourceMissing(message)

    def _upstream(self, place: Place) -> Upstream:
        if self._offline:
            raise Offline(f"offline, and {place.path.partition('?')[0]} of source {place.source} is not cached")
        return self._upstreams[place.source]


class PlaceSupply:
    """Deliveries of one place. After a range that failed, the whole is asked for: it holds what is missing."""

    def __init__(self, sources: Sources, place: Place) -> None:
        self.source = place.source
        self._sources = sources
        self._place = place
        self._ranges = True

    @asynccontextmanager
    async def open(self, offset: int) -> AsyncIterator[Delivery]:
        asked = offset if self._ranges else 0
        begun = False
        try:
            async with self._sources.deliver(self._place, asked) as delivery:
                begun = True
                yield delivery
        except (SourceBroken, SourceUnreachable) as failed:
            if begun or not asked:
                raise
            self._ranges = False
            raise SourceUnreachable(failed.message) from failed
