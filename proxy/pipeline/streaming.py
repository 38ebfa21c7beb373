"""Streaming large objects: one shared fill, followed by everybody who wants the same digest."""

from __future__ import annotations

from proxy.cache.bodies import StreamBody
from proxy.cache.fill import Fill, FillTools
from proxy.cache.fills import Fills
from proxy.cache.progress import HOLD_BACK
from proxy.core.clock import Clock
from proxy.core.digest import Digest
from proxy.core.entries import Entry
from proxy.core.errors import SourceError, StorageFailed
from proxy.core.wants import Want
from proxy.pipeline.asking import Sources
from proxy.pipeline.relay import FollowedBody, RelayedBody
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

    async def stream(self, want: Want, digest: Digest) -> tuple[StreamBody, bool]:
        """The body as it arrives, and whether another request had begun it. To be closed by its reader.

        What fits in the hold-back is verified before this returns. A fill that was started for another name, and
        fails before it gave anything, says nothing about this name: then this one starts its own.
        """
        fill = self._fills.get(digest)
        if fill is None:
            return await self._follow(want, self._start(want, digest)), False
        try:
            return await self._follow(want, fill), True
        except SourceError:
            if fill.starter == want.key:
                raise
        return await self._follow(want, self._fills.get(digest) or self._start(want, digest)), False

    async def close(self) -> None:
        """Stop all downloads and wait until their files are in order."""
        await self._fills.close()

    async def _follow(self, want: Want, fill: Fill) -> StreamBody:
        supply = self._sources.supply(want.place)
        live = fill.follow()
        try:
            size = await live.headed()
            if size is not None and size <= HOLD_BACK:
                await live.verified()
        except StorageFailed:
            live.close()
            return RelayedBody(fill.digest, size=fill.progress.size, supply=supply)
        except BaseException:
            live.close()
            raise
        return FollowedBody(live, fill.digest, supply)

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
