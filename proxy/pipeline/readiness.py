"""Readiness: whether answers are kept, for those who watch over the program."""

from __future__ import annotations

from proxy.cache.disk import Disk
from proxy.cache.fills import Fills
from proxy.cache.folder import DataFolder
from proxy.pipeline.storage import Storage


class Readiness:
    """Tells from what is known already; nothing is written to find out."""

    def __init__(self, *, folder: DataFolder, disk: Disk, storage: Storage, fills: Fills) -> None:
        self._folder = folder
        self._disk = disk
        self._storage = storage
        self._fills = fills

    async def hindrance(self) -> str | None:
        """What keeps answers from being kept, in a sentence; None if nothing does."""
        if not await self._disk.run(self._folder.is_there):
            return "the data folder is gone; restore it or start again"
        if self._storage.failing or self._fills.refused:
            return "the data folder refused the last write; answers are served but not kept until this changes"
        return None
