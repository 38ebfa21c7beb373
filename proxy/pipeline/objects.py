"""Serving one object: what is held, whether it is fresh, what the source has to say, and how the bytes come."""

from __future__ import annotations

from dataclasses import replace

from proxy.cache.bodies import HeldBody
from proxy.core.clock import Clock
from proxy.core.entries import Decision, Entry, Record, decide, may_stand_in
from proxy.core.errors import Missing, SourceError, SourceMissing
from proxy.core.wants import Want
from proxy.pipeline.answers import HIT, STALE, Answer, Trace
from proxy.pipeline.asking import Sources
from proxy.pipeline.fetching import Fetches
from proxy.pipeline.probing import Probes
from proxy.pipeline.storage import Storage
from proxy.pipeline.streaming import Streams


class Objects:
    """Answers wants."""

    def __init__(
        self,
        *,
        sources: Sources,
        storage: Storage,
        probes: Probes,
        fetches: Fetches,
        streams: Streams,
        clock: Clock,
        stale_if_error: float,
    ) -> None:
        self._sources = sources
        self._storage = storage
        self._probes = probes
        self._fetches = fetches
        self._streams = streams
        self._clock = clock
        self._stale_if_error = stale_if_error

    async def serve(self, want: Want, *, head: bool) -> Answer:
        """The answer to a want, or the error that stands in for it. A `head` answer has no body and costs none.

        A failing source is answered with what is held, marked as stale; only its true 404 is passed on.
        """
        record = await self._storage.entries.load(want.key)
        entry = record.find(want.accepts) if want.digest is None else next(iter(record.entries), None)
        now, reachable = self._clock.wall(), self._sources.reachable
        try:
            match decide(entry, now=now, lifetime=want.lifetime, reachable=reachable), entry:
                case Decision.HIT, Entry():
                    return await self._answer(want, entry, HIT, head=head)
                case Decision.STALE, Entry():
                    return await self._answer(want, entry, STALE, head=head)
                case Decision.REVALIDATE, Entry():
                    # By HEAD, which costs no quota where a GET would.
                    fresh = await self._probes.probe(want, entry)
                    return await self._answer(want, fresh, Trace("stale"), head=head)
                case _:
                    return await self._missed(want, head=head)
        except SourceMissing as missing:
            if entry is not None:
                await self._storage.forget(want.key)
            raise SourceMissing(missing.message, code=want.kind.missing) from missing
        except SourceError:
            held = self._stand_in(want, record, head=head)
            if held is None:
                raise
            return await self._answer(want, held, STALE, head=head)

    def _stand_in(self, want: Want, record: Record, *, head: bool) -> Entry | None:
        """What may be served in place of a failure."""
        entry = record.find_any(want.accepts)
        if entry is None or not may_stand_in(entry, now=self._clock.wall(), stale_if_error=self._stale_if_error):
            return None
        return entry if head or self._storage.content.holds(entry.digest) else None

    async def _missed(self, want: Want, *, head: bool) -> Answer:
        fill = None if want.digest is None else self._streams.under_way(want.digest)
        if fill is not None and fill.starter == want.key:
            if not head:
                return await self._fetched(want, "miss")
            # The download under way knows what a HEAD would tell.
            size = await fill.progress.headed()
            claim = want.read_head({}, size)
            media_type = (claim.media_type if claim is not None else None) or ""
            return Answer(media_type, size, None, Trace("miss", collapsed=True), want.digest, want.place.source)
        elsewhere = fill is not None or (
            want.digest is not None and not want.kind.whole and self._storage.content.holds(want.digest)
        )
        if head or elsewhere:
            # Somebody else's copy is read only with this name's own leave.
            return await self._answer(want, await self._probes.probe(want), Trace("miss"), head=head)
        return await self._fetched(want, "miss")

    async def _answer(self, want: Want, entry: Entry, trace: Trace, *, head: bool) -> Answer:
        """The answer that an entry stands for, its content fetched first if only its digest is known."""
        _check_admitted(want, entry)
        answer = Answer(entry.media_type, entry.size, None, trace, entry.digest, entry.source)
        if head:
            return answer
        body = await self._storage.open(entry.digest, entry.size)
        if body is not None:
            return replace(answer, body=body, size=body.size)
        if want.pin is None:
            return await self._fetched(want, trace.forward or "miss")
        try:
            return await self._fetched(want.pin(entry.digest), trace.forward or "miss")
        except SourceMissing:
            # What a HEAD claimed, or the tag had, is gone; the name itself tells what is now.
            return await self._fetched(want, "miss")

    async def _fetched(self, want: Want, forward: str) -> Answer:
        if want.digest is not None and not want.kind.whole:
            body, collapsed = await self._streams.stream(want, want.digest)
            trace = Trace(forward, stored=not collapsed, collapsed=collapsed)
            claim = want.read_head({}, body.size)
            media_type = (claim.media_type if claim is not None else None) or ""
            return Answer(media_type, body.size, body, trace, want.digest, want.place.source)
        entry, content = await self._fetches.fetch(want)
        _check_admitted(want, entry)
        trace = Trace(forward, stored=True)
        return Answer(entry.media_type, len(content), HeldBody(content), trace, entry.digest, entry.source)


def _check_admitted(want: Want, entry: Entry) -> None:
    if not want.accepts.admits(entry.media_type):
        raise Missing(
            f"{want.key.reference} is {entry.media_type}, which the request's Accept header does not take",
            code=want.kind.missing,
        )
