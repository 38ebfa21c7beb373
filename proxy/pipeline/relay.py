"""Serving through: when the disk cannot keep content, each client gets it straight from its source, verified."""

from __future__ import annotations

from collections.abc import AsyncIterator

from proxy.cache.fill import Supply
from proxy.cache.follow import LiveBody
from proxy.cache.progress import HOLD_BACK
from proxy.core.digest import Digest
from proxy.core.errors import SourceBroken, StorageFailed


class RelayedBody:
    """Content passed on from a source to one client: hashed as it goes, its end held back until the hash is right."""

    def __init__(self, digest: Digest, *, size: int | None, supply: Supply) -> None:
        self.size = size
        self._digest = digest
        self._supply = supply

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop`; all bytes are fetched and hashed, whatever the range."""
        hasher = Digest.hasher(self._digest.algorithm)
        held, position = bytearray(), 0
        async with self._supply.open(0) as delivery:
            async for chunk in delivery.chunks:
                hasher.update(chunk)
                held += chunk
                if len(held) > HOLD_BACK:
                    free = bytes(held[:-HOLD_BACK])
                    del held[: len(free)]
                    yield _part(free, position, start, stop)
                    position += len(free)
        found = Digest(self._digest.algorithm, hasher.hexdigest())
        if found != self._digest:
            raise SourceBroken(f"the source sent content of digest {found} in place of {self._digest}")
        yield _part(bytes(held), position, start, stop)

    def close(self) -> None:
        """Nothing is held outside `read`."""


class FollowedBody:
    """A reader of a fill that goes on from the source itself when the disk gives up under the fill."""

    def __init__(self, live: LiveBody, digest: Digest, supply: Supply) -> None:
        self._live = live
        self._digest = digest
        self._supply = supply

    @property
    def size(self) -> int | None:
        return self._live.size

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`, from the growing file as far as that goes."""
        position = start
        try:
            async for piece in self._live.read(start, stop):
                yield piece
                position += len(piece)
        except StorageFailed:
            relayed = RelayedBody(self._digest, size=self.size, supply=self._supply)
            async for rest in relayed.read(position, stop):
                yield rest

    def close(self) -> None:
        """Stop following."""
        self._live.close()


def _part(piece: bytes, position: int, start: int, stop: int | None) -> bytes:
    """The bytes of a piece, which stands at a position, that lie within the asked ones."""
    end = len(piece) if stop is None else max(0, stop - position)
    return piece[max(0, start - position) : end]
