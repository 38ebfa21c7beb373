"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class _Timer:
    due: float
    fire: Callable[[], None]


class FakeClock:
    """Implements `proxy.core.clock.Clock`; sleepers wake and limits end only through `advance`."""

    def __init__(self, wall: float = 1_800_000_000.0, monotonic: float = 1_000.0) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._timers: list[_Timer] = []
        self._changed = asyncio.Event()

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def set_wall(self, seconds: float) -> None:
        """Make the wall clock jump, as an administrator does; nobody wakes."""
        self._wall = seconds

    def advance(self, seconds: float) -> None:
        """Move both clocks on; whatever falls due fires in its order, and runs when the loop next turns."""
        target = self._monotonic + seconds
        while due := [timer for timer in self._timers if timer.due <= target]:
            timer = min(due, key=lambda candidate: candidate.due)
            self._move(max(timer.due, self._monotonic))
            self._remove(timer)
            timer.fire()
        self._move(target)

    async def waiting(self, count: int = 1) -> None:
        """Return once at least this many sleeps and limits are under way."""
        while len(self._timers) < count:
            self._changed.clear()
            await self._changed.wait()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self._add(seconds, wake)
        try:
            await woken
        finally:
            self._remove(timer)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return self._limit(seconds)

    @asynccontextmanager
    async def _limit(self, seconds: float) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            timer = self._add(seconds, lambda: limit.reschedule(loop.time()))
            try:
                yield
            finally:
                self._remove(timer)

    def _add(self, seconds: float, fire: Callable[[], None]) -> _Timer:
        timer = _Timer(self._monotonic + seconds, fire)
        self._timers.append(timer)
        self._changed.set()
        return timer

    def _remove(self, timer: _Timer) -> None:
        if timer in self._timers:
            self._timers.remove(timer)

    def _move(self, target: float) -> None:
        self._wall += target - self._monotonic
        self._monotonic = target
