"""Stopping: what runs may end, what is idle goes, and nothing new is let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes.wire import Wire
from web.scripted import Front, front

from proxy.cache.bodies import HeldBody
from proxy.pipeline.answers import Answer
from proxy.web.server import DRAIN_LIMIT

_CONTENT = bytes(100_000)


class _Stepped:
    """A live body whose second half waits for a test."""

    def __init__(self) -> None:
        self.size: int | None = len(_CONTENT)
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.closed = asyncio.Event()

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        yield _CONTENT[:50_000]
        self.begun.set()
        await self.go_on.wait()
        yield _CONTENT[50_000:]

    def close(self) -> None:
        self.closed.set()


async def _refused(served: Front) -> None:
    """Wait until nobody can connect any more."""
    while True:
        try:
            wire = await Wire.connect(served.url)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue
        await wire.close()


async def test_a_running_transfer_ends() -> None:
    """Once we stop, nobody new is let in, and a transfer under way still gets to its end."""
    body = _Stepped()
    async with front(lambda: Answer("text/plain", body.size, body)) as served, await Wire.connect(served.url) as wire:
        await wire.request("GET", "/v2/x")
        await body.begun.wait()
        stopping = asyncio.create_task(served.listener.stop())
        await _refused(served)
        assert not stopping.done()
        body.go_on.set()
        answer = await wire.answer()
        assert (answer.complete, answer.body) == (True, _CONTENT)
        assert await wire.closed()
        await stopping


async def test_idle_connections_are_closed() -> None:
    """A kept connection without a request does not hold us up."""
    async with (
        front(lambda: Answer("text/plain", 2, HeldBody(b"ok"))) as served,
        await Wire.connect(served.url) as used,
        await Wire.connect(served.url) as unused,
    ):
        await used.request("GET", "/v2/x")
        assert (await used.answer()).body == b"ok"
        await served.listener.stop()
        assert await used.closed()
        assert await unused.closed()


@pytest.mark.ci
async def test_a_transfer_that_never_ends() -> None:
    """A transfer that does not end is cut off after the limit, short; the limit is not spent twice."""
    body = _Stepped()
    loop = asyncio.get_running_loop()
    async with front(lambda: Answer("text/plain", body.size, body)) as served, await Wire.connect(served.url) as wire:
        await wire.request("GET", "/v2/x")
        await body.begun.wait()
        begin = loop.time()
        await served.listener.stop()
        assert loop.time() - begin < DRAIN_LIMIT * 1.5
        assert not (await wire.answer()).complete
        await body.closed.wait()
