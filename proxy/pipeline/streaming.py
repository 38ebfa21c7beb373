"""Streaming large objects: one shared fill, followed by everybody who wants the same digest."""

from __future__ import annotations

from proxy.cache.bodies import HeldBody, StreamBody
from proxy.cache.fill import Fill, FillTools
from proxy.cache.fills import Fills
from proxy.cache.progress import HOLD_BACK
from proxy.core.clock import Clock
from proxy.core.digest import Digest
from proxy.core.entries import Entry
from proxy.core.errors import SourceBroken, SourceError, StorageFailed
from proxy.core.wants import Want
from proxy.pipeline.asking import Sources
from proxy.pipeline.relay import FollowedBody, Relay, RelayedBody
from proxy.pipeline.storage import Storage


class Streams:
    """Starts and joins fills."""

    def __init__(self, *, sources: Sources, storage: Storage, fills: Fills, tools: FillTools, clock: Clock) -> None:
        self._sources = sources
        self._storage = storage
        self._fills = fills
        self._tools = tools
        self._clock = clock

    def under_way(self, digest: Digest) -> Fill | None:
        """The fill of a digest, if there is one."""
        return self._fills.get(digest)

    async def stream(self, want: Want, digest: Digest, *, claimed: int | None) -> tuple[HeldBody | StreamBody, bool]:
        """The body as it arrives, and whether another request had begun it. To be closed by its reader.

        What fits in the hold-back is verified before this returns. A fill that was started for another name, and
        fails before it gave anything, says nothing about this name: then this one starts its own. It is followed only
        if this name's source claims content of its size; else the bytes come from that source itself.
        """
        fill = self._fills.get(digest)
        if fill is None:
            return await self._follow(want, self._start(want, digest)), False
        try:
            if fill.starter != want.key and await fill.progress.headed() != claimed:
                relay = Relay(digest, self._sources.supply(want.place), want.kind.limit)
                return await self._relayed(want, relay), False
            return await self._follow(want, fill), True
        except SourceError:
            if fill.starter == want.key:
                raise
        return await self._follow(want, self._fills.get(digest) or self._start(want, digest)), False

    async def close(self) -> None:
        """Stop all downloads and wait until their files are in order."""
        await self._fills.close()

    async def _follow(self, want: Want, fill: Fill) -> HeldBody | StreamBody:
        relay = Relay(fill.digest, self._sources.supply(want.place), want.kind.limit)
        live = fill.follow()
        try:
            await live.begun()
        except StorageFailed:
            live.close()
            return await self._relayed(want, relay)
        except BaseException:
            live.close()
            raise
        return FollowedBody(live, relay)

    async def _relayed(self, want: Want, relay: Relay) -> HeldBody | RelayedBody:
        """The body straight from the source, for which its head is asked first: a refusal is still an answer here."""
        size = (await self._sources.peek(want.place)).length
        if size is None or size > HOLD_BACK:
            return RelayedBody(relay, size=size)
        content = (await self._sources.whole(want.place, HOLD_BACK)).body
        if Digest.of(content, relay.digest.algorithm) != relay.digest:
            raise SourceBroken(f"source {want.place.source} sent something else in place of {relay.digest}")
        return HeldBody(content)

    def _start(self, want: Want, digest: Digest) -> Fill:
        fill = Fill(
            digest,
            starter=want.key,
            limit=want.kind.limit,
            supply=self._sources.supply(want.place),
            tools=self._tools,
        )

        async def record(size: int) -> None:
            claim = want.read_head({}, size)
            media_type = claim.media_type if claim is not None else None
            now = self._clock.wall()
            entry = Entry(digest, size, media_type or "", now, want.place.source, asked=want.accepts)
            await self._storage.keep_entry(want.key, entry)

        self._fills.start(fill, record)
        return fill
