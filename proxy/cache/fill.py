"""A fill: one download of one object, written once and followed by any number of readers.

The fill never waits for a reader, and a reader's leaving never stops it while others follow. A cut download
goes on where it stopped, and the whole is hashed all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from proxy.cache.content import ContentStore
from proxy.cache.disk import Disk
from proxy.cache.follow import LiveBody
from proxy.cache.partial import Partial
from proxy.cache.progress import Progress
from proxy.core.clock import Clock
from proxy.core.digest import Digest
from proxy.core.entries import Key
from proxy.core.errors import MoorageError, SourceBroken, SourceError, SourceTimeout, SourceUnreachable, StorageFailed
from proxy.core.retry import RetryRule

_UNWANTED_AFTER = 10.0
_UNWANTED_REMAINDER = 64 * 1024 * 1024
# As much of what is there is asked for again when a download is resumed: a range that lies is seen by it, and even
# a partial that lacks nothing leaves a range that an upstream can satisfy.
_OVERLAP = 4096
# A cut download that brought less than this counts as a failure in a row.
_REAL_PROGRESS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One answer of an upstream: where its first byte stands, the whole size if told, and the bytes."""

    offset: int
    size: int | None
    chunks: AsyncIterator[bytes]


class Supply(Protocol):
    """Where a fill's bytes come from; `source` is its name, for messages."""

    @property
    def source(self) -> str: ...

    def open(self, offset: int) -> AbstractAsyncContextManager[Delivery]:
        """Ask for the content from an offset on.

        The delivery may start earlier (an upstream without ranges starts at 0), never later. Raises
        SourceError; SourceUnreachable, also from the chunks, means that asking again may help.
        """
        ...


@dataclass(frozen=True, slots=True)
class FillTools:
    """What every fill works with."""

    content: ContentStore
    disk: Disk
    clock: Clock
    jitter: Callable[[], float]
    retry: RetryRule


class Fill:
    """The one download of a digest, started for one name. `limit` is the most bytes it may have."""

    def __init__(self, digest: Digest, *, starter: Key, limit: int, supply: Supply, tools: FillTools) -> None:
        self.digest = digest
        self.starter = starter
        self.progress = Progress()
        self._limit = limit
        self._supply = supply
        self._tools = tools
        self._partial: Partial | None = None
        self._followers = 0
        self._unwanted_since = tools.clock.monotonic()
        self._joinable = True

    def __repr__(self) -> str:
        return f"<Fill {self.digest}: {self.progress!r}, {self._followers} followers>"

    def follow(self) -> LiveBody:
        """A reader of this fill; it counts as interest until it is closed."""
        self._followers += 1
        return LiveBody(self, self._tools.disk)

    def leave(self) -> None:
        """A reader is done. Called once by each."""
        self._followers -= 1
        if self._followers == 0:
            self._unwanted_since = self._tools.clock.monotonic()
            self._release()

    def end(self) -> None:
        """Nobody can join any more, and `run` is over: the last reader's leaving closes the file."""
        self._joinable = False
        self._release()

    @property
    def descriptor(self) -> int:
        """The file that followers read from; good while they follow."""
        if self._partial is None:
            raise StorageFailed("the download has no file yet")
        return self._partial.descriptor

    async def run(self) -> int:
        """Download, verify, publish; the size in bytes. A failure before the end reaches every follower.

        The file stays open until `end`, for those who join late.
        """
        try:
            self._partial = await self._tools.content.partial(self.digest)
            self.progress.advance(self._partial.length)
            await self._download(self._partial)
            await self._verify(self._partial)
            self.progress.finish()
            await self._tools.disk.run(self._partial.publish)
        except BaseException as error:
            stopped = SourceUnreachable("the download was stopped before its end; ask again")
            self.progress.fail(error if isinstance(error, MoorageError) else stopped)
            if self._partial is not None and (
                isinstance(error, SourceBroken | StorageFailed) or not self._partial.length
            ):
                await asyncio.wait({self._tools.disk.start(self._partial.discard)})
            raise
        return self.progress.written

    async def _download(self, partial: Partial) -> None:
        failures, ranges = 0, True
        while True:
            before = partial.length
            try:
                async with self._supply.open(max(0, before - _OVERLAP) if ranges else 0) as delivery:
                    await self._take(delivery, partial)
            except SourceUnreachable as failed:
                if isinstance(failed, SourceTimeout) and not self.progress.begun:
                    # Whoever waits has waited for the whole limit and seen nothing: once is enough.
                    raise
                ranges = ranges and not isinstance(failed, Misplaced)
                failures = 1 if partial.length - before >= _REAL_PROGRESS else failures + 1
                pause = self._tools.retry.pause(failures, self._tools.jitter)
                if pause is None:
                    raise
                await self._tools.clock.sleep(pause)
            else:
                return

    async def _take(self, delivery: Delivery, partial: Partial) -> None:
        """Append what a delivery brings: the next chunk is awaited while the last one is hashed and written."""
        self._check_size(delivery, partial.length)
        self.progress.head(delivery.size)
        known = partial.length - delivery.offset
        length = partial.length
        writing: asyncio.Future[int] | None = None
        try:
            async for received in delivery.chunks:
                repeated, chunk = received[:known], received[known:]
                await self._compare(partial, repeated, partial.length - known, delivery)
                known -= len(repeated)
                length += len(chunk)
                self._check_length(length)
                if writing is not None:
                    await asyncio.wait({writing})
                    writing.result()
                if chunk:
                    writing = self._append(partial, chunk)
        finally:
            # Also when cancelled: the thread must be done with the file before anybody closes it.
            if writing is not None:
                await asyncio.wait({writing})
        if writing is not None:
            writing.result()
        size = self.progress.size
        if size is not None and length < size:
            raise SourceUnreachable(f"source {self._supply.source} stopped after {length} of {size} bytes")

    async def _compare(self, partial: Partial, repeated: bytes, position: int, delivery: Delivery) -> None:
        """What is there already must be the same in another answer, or the two cannot be one content."""
        if await self._tools.disk.holds(partial.descriptor, repeated, position):
            return
        other = f"source {self._supply.source} sent other bytes of {self.digest} than before"
        raise Misplaced(other) if delivery.offset else SourceBroken(other)

    def _append(self, partial: Partial, chunk: bytes) -> asyncio.Future[int]:
        def appended(future: asyncio.Future[int]) -> None:
            if not future.cancelled() and future.exception() is None:
                self.progress.advance(future.result())

        writing = self._tools.disk.start(lambda: partial.append(chunk))
        writing.add_done_callback(appended)
        return writing

    async def _verify(self, partial: Partial) -> None:
        found = await self._tools.disk.run(partial.digest)
        if found != self.digest:
            raise SourceBroken(
                f"source {self._supply.source} sent content of digest {found} in place of {self.digest}"
            )

    def _check_size(self, delivery: Delivery, length: int) -> None:
        known = self.progress.size
        if delivery.offset > length or (delivery.size is not None and length > delivery.size):
            raise SourceBroken(f"source {self._supply.source} sent another part of {self.digest} than was asked for")
        if known is not None and delivery.size is not None and known != delivery.size:
            raise SourceBroken(
                f"source {self._supply.source} changed the size of {self.digest} from {known} to {delivery.size}"
            )
        if delivery.size is not None and delivery.size > self._limit:
            raise SourceBroken(f"{self.digest} has {delivery.size} bytes; at most {self._limit} are served")

    def _check_length(self, length: int) -> None:
        size = self.progress.size
        if length > (self._limit if size is None else size):
            most = self._limit if size is None else size
            raise SourceBroken(f"source {self._supply.source} sent more than the {most} bytes of {self.digest}")
        remaining = (self._limit if size is None else size) - length
        idle = self._tools.clock.monotonic() - self._unwanted_since
        if self._followers == 0 and remaining > _UNWANTED_REMAINDER and idle > _UNWANTED_AFTER:
            raise Abandoned(f"nobody wants {self.digest} any more")

    def _release(self) -> None:
        if not self._joinable and self._followers == 0 and self._partial is not None:
            self._partial.close()
            self._partial = None


class Misplaced(SourceUnreachable):
    """A range does not hold the bytes that stand where it was asked for; the whole may."""


class Abandoned(SourceError):
    """Every reader left and much was still to come; the partial waits to be resumed."""
