"""The clock that tests move."""

from __future__ import annotations

import asyncio

import pytest
from fakes.clock import FakeClock


async def test_sleepers_wake_in_order() -> None:
    """Advancing wakes whoever is due, the earliest first, and shows each the time that both clocks reached."""
    clock = FakeClock(wall=100.0, monotonic=0.0)
    woken: list[int] = []

    async def nap(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    naps = [asyncio.create_task(nap(seconds)) for seconds in (30, 10, 20)]
    await clock.waiting(3)
    clock.advance(25)
    await asyncio.gather(naps[1], naps[2])
    assert woken == [10, 20]
    assert not naps[0].done()
    assert (clock.monotonic(), clock.wall()) == (25.0, 125.0)
    clock.advance(5)
    await naps[0]


async def test_limits_end_their_block() -> None:
    """A block that is still running when its limit falls due gets TimeoutError; one that ended does not."""
    clock = FakeClock()

    async def wait_for_ever() -> None:
        async with clock.timeout(10):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait_for_ever())
    await clock.waiting()
    clock.advance(9)
    assert not task.done()
    clock.advance(1)
    with pytest.raises(TimeoutError):
        await task
    async with clock.timeout(10):
        pass
    clock.advance(100)
    await asyncio.sleep(0)


async def test_cancelled_sleepers_leave() -> None:
    """A sleeper or a limit whose task was cancelled is no longer waited for."""
    clock = FakeClock()

    async def limited() -> None:
        async with clock.timeout(10):
            await clock.sleep(5)

    task = asyncio.create_task(limited())
    await clock.waiting(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waiting = asyncio.create_task(clock.waiting())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_wall_clock_that_jumps() -> None:
    """Setting the wall clock leaves the monotonic one alone."""
    clock = FakeClock(monotonic=5.0)
    clock.set_wall(1.0)
    assert (clock.wall(), clock.monotonic()) == (1.0, 5.0)
