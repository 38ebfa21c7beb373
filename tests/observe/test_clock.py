"""The real clock."""

from __future__ import annotations

import asyncio

import pytest

from proxy.core.clock import Clock
from proxy.observe.clock import SystemClock


async def test_the_system_clock() -> None:
    """It fits the protocol, goes forward, and its limits end what takes longer."""
    clock: Clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.wall() > 1_700_000_000
    with pytest.raises(TimeoutError):
        async with clock.timeout(0):
            await asyncio.Event().wait()
