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
    """Answers wants.

    `stale_if_error` is how many seconds beyond its lifetime something may stand in for a failure, `claim_lifetime`
    how many a source's mere claim is believed.
    """

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
        claim_lifetime: float,
    ) -> None:
        self._sources = sources
        self._storage = storage
        self._probes = probes
        self._fetches = fetches
        self._streams = streams
        self._clock = clock
        self._stale_if_error = stale_if_error
        self._claim_lifetime = claim_lifetime

    async def serve(self, want: Want, *, head: bool) -> Answer:
        """The answer to a want, or the error that stands in for it. A `head` answer has no body and costs none.

        A failing source is answered with what is held, marked as stale; only its true 404 is passed on.
        """
        record = await self._storage.entries.load(want.key)
        entry = record.find(want.accepts) if want.digest is None else next(iter(record.entries), None)
        lifetime = want.lifetime if entry is None or entry.verified else self._claim_lifetime
        now, reachable = self._clock.wall(), self._sources.reachable
        try:
            match decide(entry, now=now, lifetime=lifetime, reachable=reachable), entry:
                case Decision.HIT, Entry():
                    return await self._answer(want, entry, HIT, head=head)
                case Decision.STALE, Entry():
                    return await self._answer(want, entry, STALE, head=head)
                case Decision.REVALIDATE, Entry() if want.digest is None:
                    return await self._revalidated(want, entry, record, head=head)
                case _:
                    return await self._missed(want, head=head)
        except SourceMissing as missing:
            if entry is not None:
                await self._storage.forget(want.key)
            raise SourceMissing(missing.message, code=want.kind.missing) from missing
        except SourceError as failed:
            held = self._stand_in(want, record, head=head)
            if held is None:
                raise
            self._sources.health.failed(want.place.source, failed)
            return await self._answer(want, held, STALE, head=head)

    async def _revalidated(self, want: Want, entry: Entry, record: Record, *, head: bool) -> Answer:
        """Ask whether a stale answer still holds: by HEAD, which costs no quota where a GET would.

        Where something can stand in, nobody waits long for a slow source; the question goes on without him.
        """
        if self._stand_in(want, record, head=head) is None:
            fresh = await self._probes.probe(want, entry)
        else:
            async with self._sources.patience(want.place.source):
                fresh = await self._probes.probe(want, entry)
        return await self._answer(want, fresh, Trace("stale"), head=head)

    def _stand_in(self, want: Want, record: Record, *, head: bool) -> Entry | None:
        """What may be served in place of a failure: the newest answer whose content is at hand."""
        now, limit = self._clock.wall(), self._stale_if_error
        for entry in record.admitted(want.accepts):
            if may_stand_in(entry, now=now, lifetime=want.lifetime, stale_if_error=limit) and (
                head or self._storage.content.holds(entry.digest, entry.size)
            ):
                return entry
        return None

    async def _missed(self, want: Want, *, head: bool) -> Answer:
        fill = None if want.digest is None else self._streams.under_way(want.digest)
        if fill is not None and fill.starter == want.key:
            if not head:
                return await self._fetched(want, "miss")
            # The download under way knows what a HEAD would tell.
            size = await fill.progress.headed()
            trace = Trace("miss", collapsed=True)
            return Answer(_claimed_type(want, size), size, None, trace, want.digest, want.place.source)
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
        # What others brought here is no answer to a claim that does not even know its size.
        known = entry.verified or entry.size is not None
        body = await self._storage.open(entry.digest, entry.size) if known else None
        if body is not None:
            if not entry.verified:
                await self._confirm(want, entry)
            return replace(answer, body=body, size=body.size)
        if want.pin is None:
            return await self._fetched(want, trace.forward or "miss", claimed=entry.size)
        try:
            return await self._fetched(want.pin(entry.digest), trace.forward or "miss")
        except SourceMissing:
            # What a HEAD claimed, or the tag had, is gone; the name itself tells what is now.
            return await self._fetched(want, "miss")

    async def _confirm(self, want: Want, entry: Entry) -> None:
        """The bytes of a claim are held: it counts for good now, under the digest's own name as well."""
        confirmed = replace(entry, verified=True)
        await self._storage.keep_entry(want.key, confirmed)
        if want.pin is not None:
            pinned = want.pin(entry.digest)
            await self._storage.keep_entry(pinned.key, replace(confirmed, etag=None, asked=pinned.accepts))

    async def _fetched(self, want: Want, forward: str, *, claimed: int | None = None) -> Answer:
        if want.digest is not None and not want.kind.whole:
            body, collapsed = await self._streams.stream(want, want.digest, claimed=claimed)
            trace = Trace(forward, stored=not collapsed, collapsed=collapsed)
            media_type = _claimed_type(want, body.size)
            return Answer(media_type, body.size, body, trace, want.digest, want.place.source)
        entry, content = await self._fetches.fetch(want)
        _check_admitted(want, entry)
        trace = Trace(forward, stored=True)
        return Answer(entry.media_type, len(content), HeldBody(content), trace, entry.digest, entry.source)


def _claimed_type(want: Want, size: int | None) -> str:
    claim = want.read_head({}, size)
    return (claim.media_type if claim is not None else None) or ""


def _check_admitted(want: Want, entry: Entry) -> None:
    if not want.accepts.admits(entry.media_type):
        raise Missing(
            f"{want.key.reference} is {entry.media_type}, which the request's Accept header does not take",
            code=want.kind.missing,
        )
