"""One call for many callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from proxy.core.flights import Flights


class _Calls:
    """Counts how often a call began; all end when the gate opens."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.gate = asyncio.Event()
        self._error = error

    async def call(self) -> int:
        self.begun += 1
        await self.gate.wait()
        if self._error is not None:
            raise self._error
        return self.begun


async def _join(
    shared: Flights[str, int], count: int, call: Callable[[], Coroutine[None, None, int]]
) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(shared.join("key", call)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_callers_share_a_call() -> None:
    """Callers of one key get one call's result; a call that has ended is not shared any more."""
    shared: Flights[str, int] = Flights()
    calls = _Calls()
    tasks = await _join(shared, 20, calls.call)
    calls.gate.set()
    assert await asyncio.gather(*tasks) == [1] * 20
    assert await shared.join("key", calls.call) == 2


async def test_keys_are_apart() -> None:
    """Another key is another call."""
    shared: Flights[str, int] = Flights()
    calls = _Calls()
    calls.gate.set()
    await asyncio.gather(shared.join("one", calls.call), shared.join("two", calls.call))
    assert calls.begun == 2


async def test_a_caller_that_leaves_stops_nobody() -> None:
    """The first caller's cancellation is its own affair."""
    shared: Flights[str, int] = Flights()
    calls = _Calls()
    tasks = await _join(shared, 3, calls.call)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    calls.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [1, 1]
    assert tasks[0].cancelled()


async def test_errors_reach_every_caller() -> None:
    """All callers get the error, and the next one starts anew."""
    shared: Flights[str, int] = Flights()
    calls = _Calls(ValueError("no"))
    tasks = await _join(shared, 3, calls.call)
    calls.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, ValueError) for result in results)
    with pytest.raises(ValueError, match="no"):
        await shared.join("key", calls.call)
    assert calls.begun == 2


async def test_an_error_that_nobody_waits_for() -> None:
    """A call that fails after all its callers left is no unheard error of the loop."""
    heard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    shared: Flights[str, int] = Flights()
    calls = _Calls(ValueError("no"))
    (task,) = await _join(shared, 1, calls.call)
    task.cancel()
    await asyncio.wait([task])
    calls.gate.set()
    await shared.close()
    assert calls.begun == 1
    assert not heard


async def test_closing_ends_calls() -> None:
    """After closing nothing is under way and the callers are released."""
    shared: Flights[str, int] = Flights()
    calls = _Calls()
    tasks = await _join(shared, 2, calls.call)
    await shared.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
