"""Following a fill: a reader of the growing file, at its own pace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from proxy.cache.disk import Disk
from proxy.cache.progress import Progress
from proxy.core.errors import StorageFailed

_PIECE = 256 * 1024


class Followed(Protocol):
    """What a reader sees of a fill."""

    progress: Progress

    @property
    def descriptor(self) -> int: ...

    def leave(self) -> None: ...


class LiveBody:
    """One reader of a fill. It holds no bytes but the piece under way."""

    def __init__(self, fill: Followed, disk: Disk) -> None:
        self._fill: Followed | None = fill
        self._progress = fill.progress
        self._disk = disk

    @property
    def size(self) -> int | None:
        """The size in bytes, None while the upstream has not told it."""
        return self._progress.size

    async def begun(self) -> None:
        """Wait until the upstream has answered and a first byte may leave; raises what went wrong instead.

        Of what fits in the hold-back, no byte may leave before the whole is here and right.
        """
        await self._progress.headed()
        await self._progress.readable(0)

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes | memoryview]:
        """The bytes from `start` up to `stop` (None: the end), as soon as they may leave."""
        position = start
        while stop is None or position < stop:
            ready = await self._progress.readable(position)
            end = ready if stop is None else min(ready, stop)
            if end <= position:
                return
            piece = await self._disk.read(self._descriptor, min(_PIECE, end - position), position)
            if not piece:
                raise StorageFailed("the file of a download under way became shorter")
            position += len(piece)
            yield piece

    async def gave(self, position: int, piece: bytes) -> bool:
        """Whether these are the bytes that readers were given at a position. StorageFailed if that cannot be told."""
        return await self._disk.holds(self._descriptor, piece, position)

    def close(self) -> None:
        """Stop following; may be called again."""
        if self._fill is not None:
            self._fill.leave()
            self._fill = None

    @property
    def _descriptor(self) -> int:
        if self._fill is None:
            raise StorageFailed("this reader was closed")
        return self._fill.descriptor
