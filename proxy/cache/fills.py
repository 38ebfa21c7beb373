"""The table of fills: at most one for each digest, each owned here until it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from proxy.cache.fill import Fill
from proxy.core.digest import Digest
from proxy.core.errors import SourceError, StorageFailed

_logger = logging.getLogger(__name__)


class Fills:
    """Fills under way, by digest."""

    def __init__(self) -> None:
        self._live: dict[Digest, tuple[Fill, asyncio.Task[None]]] = {}

    def __repr__(self) -> str:
        return f"<Fills: {[fill for fill, _ in self._live.values()]}>"

    def get(self, digest: Digest) -> Fill | None:
        """The fill of this digest, if one is under way and has not failed."""
        found = self._live.get(digest)
        return found[0] if found is not None and found[0].progress.error is None else None

    def start(self, fill: Fill, record: Callable[[int], Awaitable[None]]) -> None:
        """Begin a fill; `record` gets the size when the content is published, before the fill leaves the table."""
        before = self._live.get(fill.digest)
        task = asyncio.get_running_loop().create_task(self._carry(fill, record, before[1] if before else None))
        self._live[fill.digest] = (fill, task)

    async def close(self) -> None:
        """Stop all downloads and wait until each has put its file in order."""
        tasks = [task for _, task in self._live.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _carry(
        self, fill: Fill, record: Callable[[int], Awaitable[None]], before: asyncio.Task[None] | None
    ) -> None:
        try:
            if before is not None:
                # A failed fill of the same digest may not have let go of the file yet.
                await asyncio.wait({before})
            await record(await fill.run())
        except SourceError as failed:
            _logger.info("download of %s ended: %s", fill.digest, failed.message)
        except StorageFailed as failed:
            _logger.warning("%s is served but not kept: %s", fill.digest, failed.message)
        finally:
            found = self._live.get(fill.digest)
            if found is not None and found[0] is fill:
                del self._live[fill.digest]
