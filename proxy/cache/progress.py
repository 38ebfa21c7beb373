"""How far a fill has come: set by the one that downloads, awaited by those who follow."""

from __future__ import annotations

import asyncio

from proxy.core.errors import MoorageError

HOLD_BACK = 256 * 1024
"""Bytes at the end that leave only after the hash of the whole is right."""


class Progress:
    """Sizes in bytes. `size` is None while the upstream has not told it."""

    def __init__(self) -> None:
        self.size: int | None = None
        self.written = 0
        self.error: MoorageError | None = None
        self.begun = False
        self._verified = False
        self._waiters: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        state = "failed" if self.error else "verified" if self._verified else "under way"
        return f"{state}, {self.written}/{'?' if self.size is None else self.size} bytes"

    @property
    def ready(self) -> int:
        """How many bytes may leave now: all that is written once it is verified, less the hold-back before."""
        if self._verified:
            return self.written
        if self.size is None:
            return max(0, self.written - HOLD_BACK)
        return min(self.written, max(0, self.size - HOLD_BACK))

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._verified or self.error is not None

    def head(self, size: int | None) -> None:
        """The upstream has begun to answer; a size that was told once stays."""
        if size is not None:
            self.size = size
        self.begun = True
        self._wake()

    def advance(self, written: int) -> None:
        """More is on disk."""
        self.written = written
        self._wake()

    def finish(self) -> None:
        """Everything is here and right."""
        self.size = self.written
        self._verified = True
        self._wake()

    def fail(self, error: MoorageError) -> None:
        """Nothing more will come. The first failure stays, and none counts once the content is verified."""
        if not self.over:
            self.error = error
            self._wake()

    async def headed(self) -> int | None:
        """Wait for the upstream's answer; the size it tells."""
        while not self.begun:
            await self._change()
        return self.size

    async def verified(self) -> int:
        """Wait until everything is here and right; the size."""
        while not self._verified:
            await self._change()
        return self.written

    async def readable(self, position: int) -> int:
        """Wait until bytes behind the position may leave; up to where. The position itself at the very end."""
        while self.ready <= position and not self._verified:
            await self._change()
        return self.ready

    async def _change(self) -> None:
        if self.error is not None:
            raise self.error
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
