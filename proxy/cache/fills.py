"""The table of fills: at most one for each digest, each owned here until it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from proxy.cache.fill import Fill
from proxy.core.digest import Digest
from proxy.core.errors import SourceError, SourceUnreachable, StorageFailed

_logger = logging.getLogger(__name__)


class Fills:
    """Fills under way, by digest."""

    def __init__(self) -> None:
        self._live: dict[Digest, Fill] = {}
        self._tasks: dict[Fill, asyncio.Task[None]] = {}
        self._refused = False

    def __repr__(self) -> str:
        return f"<Fills: {list(self._tasks)}>"

    @property
    def refused(self) -> bool:
        """Whether the last download could not be kept, because the disk refused it."""
        return self._refused

    def holds(self, digest: Digest) -> bool:
        """Whether a fill of this digest may still have its file open, failed ones included."""
        return digest in self._live

    def get(self, digest: Digest) -> Fill | None:
        """The fill of this digest, if one is under way and has not failed."""
        found = self._live.get(digest)
        return found if found is not None and found.progress.error is None else None

    def start(self, fill: Fill, record: Callable[[int], Awaitable[None]]) -> None:
        """Begin a fill; `record` gets the size when the content is published, before the fill leaves the table."""
        before = self._live.get(fill.digest)
        self._live[fill.digest] = fill
        waiting_for = None if before is None else self._tasks.get(before)
        task = asyncio.get_running_loop().create_task(self._carry(fill, record, waiting_for))
        self._tasks[fill] = task
        task.add_done_callback(lambda _: self._ended(fill))

    async def close(self) -> None:
        """Stop all downloads and wait until each has put its file in order; what is verified is still published."""
        for fill, task in self._tasks.items():
            if not fill.progress.over:
                task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def _carry(
        self, fill: Fill, record: Callable[[int], Awaitable[None]], before: asyncio.Task[None] | None
    ) -> None:
        try:
            if before is not None:
                # A failed fill of the same digest may not have let go of the file yet.
                await asyncio.wait({before})
            await record(await fill.run())
            self._refused = False
        except SourceError as failed:
            _logger.info("download of %s ended: %s", fill.digest, failed.message)
        except StorageFailed as failed:
            if not self._refused:
                _logger.warning("%s; downloads are served but not kept until this changes", failed.message)
            self._refused = True
        except Exception:
            _logger.exception("download of %s failed in a way nobody thought of", fill.digest)

    def _ended(self, fill: Fill) -> None:
        # Followers of a fill that was stopped before its first step hear of it here.
        fill.progress.fail(SourceUnreachable("the download was stopped before its end; ask again"))
        del self._tasks[fill]
        if self._live.get(fill.digest) is fill:
            del self._live[fill.digest]
        fill.end()
