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
from proxy.pipeline.health import Health
from proxy.upstream.client import Asking, Reply, Upstream

T = TypeVar("T")

_NOT_MODIFIED = 304
_MOST_MISSING = 10_000
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer: its headers and the length of the body behind it. `unchanged` stands for a 304."""

    headers: Mapping[str, str]
    length: int | None
    unchanged: bool


class Sources:
    """All configured sources, asked by name.

    What a source says it does not have is believed for `negative_ttl` seconds, a HEAD's word for HEADs only. In
    offline mode nobody is asked.
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
        self._missing: TTLCache[tuple[str, Place], str] = TTLCache(_MOST_MISSING, negative_ttl, timer=clock.monotonic)
        self.health = Health(clock)

    @property
    def reachable(self) -> bool:
        """Whether sources may be asked at all."""
        return not self._offline

    @asynccontextmanager
    async def patience(self, source: str) -> AsyncIterator[None]:
        """A question that may be left unanswered, because something held can stand in.

        SourceTimeout when it takes longer than a client should wait, and at once while the source's last failure is
        recent: on a train, each layer of each image would wait anew.
        """
        self.health.check(source)
        try:
            async with self._clock.timeout(_PATIENCE):
                yield
        except TimeoutError:
            raise SourceTimeout(f"source {source} has not answered for {_PATIENCE:.0f} seconds") from None

    async def head(self, place: Place, *, etag: str | None = None) -> Head:
        """What a HEAD says; `etag` makes it a question for changes."""
        return await self._persist(Asking("HEAD", place, etag=etag), _read_head)

    async def peek(self, place: Place) -> Head:
        """The head of a GET that is closed before its body: for upstreams whose HEAD cannot be used."""
        return await self._persist(Asking("GET", place), _read_head)

    async def whole(self, place: Place, limit: int) -> Page:
        """A whole small object; SourceBroken if it has more than `limit` bytes."""

        async def read(reply: Reply) -> Page:
            body = await reply.whole(limit)
            if reply.length not in {None, len(body)}:
                raise SourceUnreachable(f"source {place.source} sent less than it announced")
            return Page(body, reply.headers.get("Content-Type"), reply.headers)

        return await self._persist(Asking("GET", place), read)

    def supply(self, place: Place) -> PlaceSupply:
        """The bytes of a place for a fill, which retries by itself."""
        return PlaceSupply(self, place)

    @asynccontextmanager
    async def open(self, asking: Asking) -> AsyncIterator[Reply]:
        """One attempt at an answer. What it tells of the source, and of what is missing there, is remembered."""
        place = asking.place
        if self._offline:
            raise Offline(f"offline, and {place.path.partition('?')[0]} of source {place.source} is not cached")
        for method in {"GET", asking.method}:
            message = self._missing.get((method, place))
            if message is not None:
                raise SourceMissing(message)
        try:
            async with self._upstreams[place.source].open(asking) as reply:
                self.health.answered(place.source)
                yield reply
        except SourceMissing as missing:
            self.health.answered(place.source)
            self._missing[asking.method, place] = missing.message
            raise

    async def _persist(self, asking: Asking, read: Callable[[Reply], Awaitable[T]]) -> T:
        """Repeat an attempt while that may help. After a time-out it would keep the client waiting too long."""
        failures = 0
        while True:
            try:
                async with self.open(asking) as reply:
                    return await read(reply)
            except SourceUnreachable as failed:
                failures += 1
                pause = None if isinstance(failed, SourceTimeout) else self._retry.pause(failures, self._jitter)
                if pause is None:
                    self.health.failed(asking.place.source, failed)
                    raise
            await self._clock.sleep(pause)


async def _read_head(reply: Reply) -> Head:
    return Head(reply.headers, reply.length, unchanged=reply.status == _NOT_MODIFIED)


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
            async with self._sources.open(Asking("GET", self._place, offset=asked)) as reply:
                start, size = reply.offset(asked)
                begun = True
                yield Delivery(start, size, reply.chunks())
        except (SourceBroken, SourceUnreachable) as failed:
            if begun or not asked:
                raise
            self._ranges = False
            raise SourceUnreachable(failed.message) from failed
