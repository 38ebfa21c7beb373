"""Serving assembled answers: lists made from several upstream answers, kept as one."""

from __future__ import annotations

from proxy.cache.bodies import HeldBody
from proxy.cache.view import View
from proxy.core.accept import ANYTHING
from proxy.core.clock import Clock
from proxy.core.digest import Digest
from proxy.core.entries import Decision, Entry, Key, decide, may_stand_in
from proxy.core.errors import SourceError, SourceMissing
from proxy.core.flights import Flights
from proxy.core.wants import Assembled, Held
from proxy.pipeline.answers import HIT, STALE, Answer, Trace
from proxy.pipeline.asking import Sources
from proxy.pipeline.storage import Storage

PARTIAL = Trace(stale=True, detail="partial")


class Lists:
    """Answers assembled wants."""

    def __init__(
        self, *, sources: Sources, storage: Storage, view: View, clock: Clock, stale_if_error: float
    ) -> None:
        self._sources = sources
        self._storage = storage
        self._view = view
        self._clock = clock
        self._stale_if_error = stale_if_error
        self._flights: Flights[Key, bytes] = Flights()

    async def serve(self, want: Assembled) -> Answer:
        """The list, fresh or as good as it can be had, and the part of it that the request asked for."""
        record = await self._storage.entries.load(want.key)
        entry = record.find(ANYTHING)
        now, reachable = self._clock.wall(), self._sources.reachable
        decision = decide(entry, now=now, lifetime=want.lifetime, reachable=reachable)
        if entry is not None and decision in {Decision.HIT, Decision.STALE}:
            content = await self._held(entry)
            if content is not None:
                return self._present(want, content, HIT if decision is Decision.HIT else STALE)
        try:
            content = await self._assembled(want, entry)
        except SourceMissing as missing:
            if entry is not None:
                await self._storage.forget(want.key)
            raise SourceMissing(missing.message, code=want.kind.missing) from missing
        except SourceError as failed:
            limit = self._stale_if_error
            if entry is not None and not may_stand_in(entry, now=now, lifetime=want.lifetime, stale_if_error=limit):
                raise
            held = await self._stand_in(want, entry)
            if held is None:
                raise
            self._sources.health.failed(want.source, failed)
            return held
        return self._present(want, content, Trace("miss" if entry is None else "stale", stored=True))

    async def held(self, want: Held) -> Answer:
        """An answer made of what is cached, whatever the sources have."""
        shown = want.present(await self._view.names(want.source_type, want.kinds))
        body = HeldBody(shown.body)
        return Answer(shown.media_type, body.size, body, HIT, None, None, shown.headers)

    async def close(self) -> None:
        """Stop what is under way and wait for it."""
        await self._flights.close()

    async def _assembled(self, want: Assembled, entry: Entry | None) -> bytes:
        """The list made anew, by whoever began to; nobody waits long for it where an older one can stand in."""
        if entry is None or not self._storage.content.holds(entry.digest, entry.size):
            return await self._flights.join(want.key, lambda: self._assemble(want))
        async with self._sources.patience(want.source):
            return await self._flights.join(want.key, lambda: self._assemble(want))

    async def _assemble(self, want: Assembled) -> bytes:
        content = await want.assemble(self._sources.whole)
        digest = Digest.of(content)
        entry = Entry(digest, len(content), want.media_type, self._clock.wall(), want.source)
        await self._storage.keep_content(digest, content)
        await self._storage.keep_entry(want.key, entry)
        return content

    async def _stand_in(self, want: Assembled, entry: Entry | None) -> Answer | None:
        """What may be shown in place of a failure: the list as it was, else the names that are held."""
        content = await self._held(entry) if entry is not None else None
        if content is not None:
            return self._present(want, content, STALE)
        content = await self._from_names(want)
        return None if content is None else self._present(want, content, PARTIAL)

    async def _held(self, entry: Entry) -> bytes | None:
        return await self._storage.whole(entry.digest, entry.size)

    async def _from_names(self, want: Assembled) -> bytes | None:
        if want.from_held is None:
            return None
        scope, make = want.from_held
        names = await self._view.references(scope)
        return make(names) if names else None

    def _present(self, want: Assembled, content: bytes, trace: Trace) -> Answer:
        shown = want.present(content)
        body = HeldBody(shown.body)
        return Answer(shown.media_type, body.size, body, trace, None, want.source, shown.headers)
