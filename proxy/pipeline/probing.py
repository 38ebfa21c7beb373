"""Probing: learning what a name stands for without its bytes, as far as the source allows that."""

from __future__ import annotations

from dataclasses import replace

from proxy.core.clock import Clock
from proxy.core.entries import Entry, Key
from proxy.core.errors import SourceBroken, SourceDenied, SourceMissing
from proxy.core.flights import Flights
from proxy.core.wants import Claim, Want
from proxy.pipeline.asking import Head, Sources
from proxy.pipeline.fetching import Fetches
from proxy.pipeline.storage import Storage


class Probes:
    """One upstream HEAD for each want at a time; a GET where a HEAD says too little."""

    def __init__(self, *, sources: Sources, storage: Storage, fetches: Fetches, clock: Clock) -> None:
        self._sources = sources
        self._storage = storage
        self._fetches = fetches
        self._clock = clock
        self._flights: Flights[tuple[Key, str | None], Entry] = Flights()

    async def probe(self, want: Want, held: Entry | None = None) -> Entry:
        """What the source now says of a name; `held` is what it said before, to be asked for changes only."""
        return await self._flights.join((want.key, want.place.accept), lambda: self._probe(want, held))

    async def close(self) -> None:
        """Stop what is under way and wait for it."""
        await self._flights.close()

    async def _probe(self, want: Want, held: Entry | None) -> Entry:
        head = await self._head(want, held)
        if head is not None and head.unchanged and held is not None:
            # It holds as the answer to what was asked now, which may be less than was asked before.
            fresh = replace(held, fetched=self._clock.wall(), asked=want.accepts)
            await self._storage.keep_entry(want.key, fresh)
            return fresh
        claim = None if head is None else want.read_head(head.headers, head.length)
        if claim is None or claim.size is None or claim.media_type is None:
            if want.kind.whole:
                return (await self._fetches.fetch(want))[0]
            # A GET that is closed after its head: for upstreams that refuse HEAD, or answer it without a length.
            head = await self._sources.peek(want.place)
            claim = want.read_head(head.headers, head.length)
        if claim is None:
            raise SourceBroken(f"source {want.place.source} does not say what it has for {want.place.path}")
        return await self._take(want, claim, head, held)

    async def _head(self, want: Want, held: Entry | None) -> Head | None:
        """The answer to a HEAD, None where it says too little.

        Some registries refuse the method (public ECR, some CDNs), others answer 404 to it for what they would first
        have to fetch themselves; so a 404 counts only if we know of nothing there.
        """
        try:
            return await self._sources.head(want.place, etag=held.etag if held is not None else None)
        except (SourceBroken, SourceDenied):
            return None
        except SourceMissing:
            if held is None:
                raise
            return None

    async def _take(self, want: Want, claim: Claim, head: Head | None, held: Entry | None) -> Entry:
        if want.digest is not None and claim.digest != want.digest:
            raise SourceBroken(f"source {want.place.source} says {claim.digest} when asked for {want.digest}")
        entry = Entry(
            digest=claim.digest,
            size=claim.size,
            media_type=claim.media_type or "",
            fetched=self._clock.wall(),
            source=want.place.source,
            etag=head.headers.get("ETag") if head is not None else None,
            asked=want.accepts,
            verified=held is not None and held.verified and held.digest == claim.digest,
        )
        await self._storage.keep_entry(want.key, entry)
        return entry
