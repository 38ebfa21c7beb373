"""Fetching whole objects: small enough to be checked in every way before a byte is answered."""

from __future__ import annotations

from dataclasses import replace

from proxy.core.clock import Clock
from proxy.core.digest import Digest
from proxy.core.entries import Entry, Key
from proxy.core.errors import SourceBroken
from proxy.core.flights import Flights
from proxy.core.wants import Page, Want
from proxy.pipeline.asking import Sources
from proxy.pipeline.storage import Storage


class Fetches:
    """One fetch of each want at a time, whatever the number of clients."""

    def __init__(self, *, sources: Sources, storage: Storage, clock: Clock) -> None:
        self._sources = sources
        self._storage = storage
        self._clock = clock
        self._flights: Flights[tuple[Key, str | None], tuple[Entry, bytes]] = Flights()

    async def fetch(self, want: Want) -> tuple[Entry, bytes]:
        """The object and what is now known of its name; SourceError if it does not come or is not right."""
        return await self._flights.join((want.key, want.place.accept), lambda: self._fetch(want))

    async def close(self) -> None:
        """Stop what is under way and wait for it."""
        await self._flights.close()

    async def _fetch(self, want: Want) -> tuple[Entry, bytes]:
        page = await self._sources.whole(want.place, want.kind.limit)
        digest = _verified(want, page)
        entry = Entry(
            digest=digest,
            size=len(page.body),
            media_type=_recognised(want, page),
            fetched=self._clock.wall(),
            source=want.place.source,
            etag=page.headers.get("ETag"),
            asked=want.accepts,
        )
        await self._storage.keep_content(digest, page.body)
        if want.pin is not None:
            pinned = want.pin(digest)
            await self._storage.keep_entry(pinned.key, replace(entry, etag=None, asked=pinned.accepts))
        await self._storage.keep_entry(want.key, entry)
        return entry, page.body


def _recognised(want: Want, page: Page) -> str:
    """The true media type; SourceBroken, which names the source, for what cannot be right."""
    if want.recognise is None:
        return page.media_type or ""
    try:
        return want.recognise(page.body, page.media_type)
    except SourceBroken as broken:
        raise SourceBroken(f"source {want.place.source}: {broken.message}") from broken


def _verified(want: Want, page: Page) -> Digest:
    """The digest of the content, by the algorithm that the name or the source uses; SourceBroken on a mismatch."""
    claim = want.read_head(page.headers, len(page.body))
    claimed = None if claim is None else claim.digest
    expected = want.digest or claimed
    digest = Digest.of(page.body, expected.algorithm if expected is not None else "sha256")
    for named in (want.digest, claimed):
        if named is not None and named.algorithm == digest.algorithm and named != digest:
            raise SourceBroken(f"source {want.place.source} sent content of digest {digest} in place of {named}")
    return digest
