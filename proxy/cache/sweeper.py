"""The sweeper: removes abandoned downloads while the program runs, not only at its start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from proxy.cache.content import DiskContent, digest_of
from proxy.cache.disk import Disk
from proxy.cache.files import remove
from proxy.core.clock import Clock
from proxy.core.digest import Digest

_PAUSE = 3600.0

_logger = logging.getLogger(__name__)


class Sweeper:
    """Sweeps once an hour. `live` says whether a download of a digest is under way: its file stays, however old."""

    def __init__(self, content: DiskContent, *, disk: Disk, clock: Clock, live: Callable[[Digest], bool]) -> None:
        self._content = content
        self._disk = disk
        self._clock = clock
        self._live = live
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; `close` ends it."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop, and wait until a sweep under way has let go of the disk."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def sweep(self) -> None:
        """Remove the downloads that nobody went on with for a day."""
        for path in await self._disk.run(self._content.abandoned):
            digest = digest_of(path)
            if digest is not None and self._live(digest):
                continue
            # On the loop, where downloads begin: none can have begun since the line above. Removing may take longer.
            with contextlib.suppress(FileNotFoundError):
                await self._disk.run(partial(remove, self._content.put_aside(path)))

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(_PAUSE)
            try:
                await self.sweep()
            except OSError as refused:
                _logger.warning("abandoned downloads cannot be removed: %s", refused.strerror)
