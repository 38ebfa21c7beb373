"""What the pipeline keeps: entries and contents, with a disk that refuses said once and lived with."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable

from proxy.cache.bodies import FileBody, HeldBody
from proxy.cache.content import ContentStore
from proxy.cache.disk import Disk
from proxy.cache.entries import EntryStore
from proxy.core.digest import Digest
from proxy.core.entries import Entry, Key
from proxy.core.errors import StorageFailed

_logger = logging.getLogger(__name__)


class Storage:
    """Keeps what was verified. A full or broken disk costs the keeping, never the answer."""

    def __init__(self, *, entries: EntryStore, content: ContentStore, disk: Disk) -> None:
        self.entries = entries
        self.content = content
        self._disk = disk
        self._failing = False

    @property
    def failing(self) -> bool:
        """Whether the disk refused the last write."""
        return self._failing

    async def keep_entry(self, key: Key, entry: Entry) -> bool:
        """Take up an answer for a name; whether it is on disk."""
        record = await self.entries.load(key)
        return await self._try(self.entries.save(record.with_entry(entry)))

    async def keep_content(self, digest: Digest, content: bytes) -> bool:
        """Keep small verified content; whether it is on disk."""
        return self.content.holds(digest, len(content)) or await self._try(self.content.put(digest, content))

    async def open(self, digest: Digest, size: int | None) -> HeldBody | FileBody | None:
        """The content, None if it is not held.

        What a download published while it was looked for is found too: whoever gets None, and then finds no download
        of it under way, may begin one.
        """
        body = await self.content.open(digest, size)
        if body is None and self.content.holds(digest, size):
            body = await self.content.open(digest, size)
        return body

    async def whole(self, digest: Digest, size: int | None) -> bytes | None:
        """Small content as a whole, None if it is not held."""
        body = await self.open(digest, size)
        if isinstance(body, FileBody):
            try:
                return await self._disk.run(lambda: os.pread(body.descriptor, body.size, 0))
            finally:
                body.close()
        return None if body is None else body.content

    async def forget(self, key: Key) -> None:
        """Drop a name whose source says that it is gone."""
        await self._try(self.entries.remove(key))

    async def _try(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except StorageFailed as failed:
            if not self._failing:
                _logger.warning("%s; answers are served but not kept until this changes", failed.message)
            self._failing = True
            return False
        self._failing = False
        return True
