"""The hold-back: exactly which bytes may leave before the hash of the whole is right."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.progress import HOLD_BACK, Progress
from proxy.core.errors import SourceBroken, SourceUnreachable


@given(size=st.integers(0, 4 * HOLD_BACK), written=st.integers(0, 4 * HOLD_BACK))
def test_the_last_bytes_are_held_back(size: int, written: int) -> None:
    """Of a known size, everything but the last min(256 KiB, size) bytes may leave, and never more than is written."""
    progress = Progress()
    progress.head(size)
    progress.advance(min(size, written))
    free = [
        position for position in (0, size - HOLD_BACK - 1, size - HOLD_BACK, size - 1) if position < progress.ready
    ]
    assert all(position < min(written, size - min(HOLD_BACK, size)) for position in free)
    assert progress.ready == max(0, min(written, size - HOLD_BACK))


@given(written=st.integers(0, 4 * HOLD_BACK))
def test_of_an_unknown_size_the_latest_bytes_are_held_back(written: int) -> None:
    """What came last may be the end, so 256 KiB of it wait."""
    progress = Progress()
    progress.head(None)
    progress.advance(written)
    assert progress.ready == max(0, written - HOLD_BACK)
    progress.finish()
    assert (progress.ready, progress.size) == (written, written)


def test_a_size_once_told_stays() -> None:
    """A later answer that does not tell the size takes nothing back."""
    progress = Progress()
    progress.head(3 * HOLD_BACK)
    progress.head(None)
    assert progress.size == 3 * HOLD_BACK


async def test_waiters_wake_at_each_step() -> None:
    """Who waits for a position goes on when it may leave, and at the end gets the end."""
    progress = Progress()
    waiting = asyncio.ensure_future(progress.readable(10))
    progress.head(HOLD_BACK + 20)
    progress.advance(10)
    await asyncio.sleep(0)
    assert not waiting.done()
    progress.advance(11)
    assert await waiting == 11
    last = asyncio.ensure_future(progress.readable(HOLD_BACK + 20))
    progress.advance(HOLD_BACK + 20)
    await asyncio.sleep(0)
    assert not last.done()
    progress.finish()
    assert await last == HOLD_BACK + 20


async def test_a_failure_wakes_everybody_and_stays() -> None:
    """Every waiter gets the first failure, also who comes later; what was free before is still free."""
    progress = Progress()
    waiting = [asyncio.ensure_future(progress.readable(5)), asyncio.ensure_future(progress.headed())]
    await asyncio.sleep(0)
    progress.fail(SourceBroken("first"))
    progress.fail(SourceUnreachable("second"))
    for waiter in waiting:
        with pytest.raises(SourceBroken, match="first"):
            await waiter
    with pytest.raises(SourceBroken, match="first"):
        await progress.verified()


async def test_nothing_fails_once_it_is_verified() -> None:
    """A disk that refuses to publish takes nothing from those who read what is right."""
    progress = Progress()
    progress.head(3)
    progress.advance(3)
    progress.finish()
    progress.fail(SourceBroken("too late"))
    assert await progress.readable(0) == 3


async def test_a_waiter_that_leaves_is_forgotten() -> None:
    """Cancelled waiters do not pile up."""
    progress = Progress()
    waiting = asyncio.ensure_future(progress.readable(0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert progress._waiters == set()
