"""Time as a seam: limits and lifetimes are tested by moving a clock, not by waiting."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Clock(Protocol):
    """The four uses of time. All figures are seconds."""

    def wall(self) -> float:
        """Seconds since the epoch: written to disk, compared across restarts, may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward: for limits and lifetimes within one process."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raises TimeoutError in the block when it takes longer."""
        ...
