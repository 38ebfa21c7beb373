"""Serving through: when the disk cannot keep content, each client gets it straight from its source, verified."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from proxy.cache.fill import Supply
from proxy.cache.follow import LiveBody
from proxy.cache.progress import HOLD_BACK
from proxy.core.digest import Digest
from proxy.core.errors import SourceBroken, StorageFailed


@dataclass(frozen=True, slots=True)
class Relay:
    """Passes content on from a source, hashed as it goes, its end held back until the hash is right.

    `limit` is the most bytes it may have.
    """

    digest: Digest
    supply: Supply
    limit: int

    async def pieces(self) -> AsyncGenerator[tuple[int, bytes], None]:
        """All bytes from the first on, each piece with its position. SourceBroken if they are not the right ones."""
        hasher = Digest.hasher(self.digest.algorithm)
        held, position = bytearray(), 0
        async with self.supply.open(0) as delivery:
            async for chunk in delivery.chunks:
                hasher.update(chunk)
                held += chunk
                if position + len(held) > self.limit:
                    raise SourceBroken(
                        f"the source sent more than the {self.limit} bytes that {self.digest} can have"
                    )
                if len(held) > HOLD_BACK:
                    free = bytes(held[:-HOLD_BACK])
                    del held[: len(free)]
                    yield position, free
                    position += len(free)
        found = Digest(self.digest.algorithm, hasher.hexdigest())
        if found != self.digest:
            raise SourceBroken(f"the source sent content of digest {found} in place of {self.digest}")
        yield position, bytes(held)


class RelayedBody:
    """Content that only passes through. `size` is what the source told before, None if it did not."""

    def __init__(self, relay: Relay, *, size: int | None) -> None:
        self.size = size
        self._relay = relay

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop`; everything before them is fetched and hashed as well."""
        async with aclosing(self._relay.pieces()) as pieces:
            async for position, piece in pieces:
                if part := _part(piece, position, start, stop):
                    yield part
                if stop is not None and position + len(piece) >= stop:
                    return

    def close(self) -> None:
        """Nothing is held outside `read`."""


class FollowedBody:
    """A reader of a fill that goes on from the source itself when the disk gives up under the fill."""

    def __init__(self, live: LiveBody, relay: Relay) -> None:
        self._live = live
        self._relay = relay

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
            async with aclosing(self._continued(start, position, stop)) as rest:
                async for piece in rest:
                    yield piece

    async def _continued(self, start: int, position: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        """The bytes from `position` on, straight from the source.

        What the client already has came unverified from an earlier answer: this one's hash vouches for it only if
        both have the same bytes there.
        """
        async with aclosing(self._relay.pieces()) as pieces:
            async for offset, piece in pieces:
                before = _part(piece, offset, start, position)
                if before and not await self._live.gave(max(start, offset), before):
                    raise SourceBroken(f"the source sent other bytes of {self._relay.digest} than before")
                if part := _part(piece, offset, position, stop):
                    yield part
                if stop is not None and offset + len(piece) >= stop:
                    return

    def close(self) -> None:
        """Stop following."""
        self._live.close()


def _part(piece: bytes, position: int, start: int, stop: int | None) -> bytes:
    """The bytes of a piece, which stands at a position, that lie within the asked ones."""
    end = len(piece) if stop is None else max(0, stop - position)
    return piece[max(0, start - position) : end]
