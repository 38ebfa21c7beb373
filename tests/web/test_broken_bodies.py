"""Bodies that fail on the way: the connection closes short, never with a clean end and never with something else."""

from __future__ import annotations

import asyncio
import io
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.wire import Wire, ask
from web.scripted import Front, front

from proxy.cache.bodies import Body, FileBody, HeldBody
from proxy.core.errors import SourceBroken
from proxy.pipeline.answers import Answer

_CONTENT = bytes(range(256)) * 2000


class _Failing:
    """A live body that raises after some bytes; without a size it is sent in chunks."""

    def __init__(self, error: Exception | None, *, after: int, size: int | None) -> None:
        self.size = size
        self.closed = 0
        self._error = error
        self._after = after

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        if self._after:
            yield _CONTENT[start : self._after]
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed += 1


class _Endless:
    """A live body whose next piece never comes."""

    def __init__(self) -> None:
        self.size: int | None = len(_CONTENT)
        self.reading = asyncio.Event()
        self.left = asyncio.Event()

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        yield _CONTENT[:1000]
        self.reading.set()
        await asyncio.Event().wait()

    def close(self) -> None:
        self.left.set()


def _answer(body: Body) -> Answer:
    return Answer("application/octet-stream", body.size, body)


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def _lines(served: Front) -> list[str]:
    served.access.flush()
    return served.lines.getvalue().splitlines()


@pytest.mark.parametrize(
    "error", [SourceBroken("wrong digest"), OSError(5, "EIO"), RuntimeError("a defect"), ValueError()]
)
@pytest.mark.parametrize("size", [len(_CONTENT), None])
async def test_a_live_body_that_fails(error: Exception, size: int | None) -> None:
    """Whatever goes wrong in the middle, the client sees the right bytes so far and the connection closing short."""
    body = _Failing(error, after=1000, size=size)
    async with front(lambda: _answer(body)) as served:
        answer = await ask(served.url, "/v2/x")
    assert answer.status == 200
    assert not answer.complete
    assert answer.body == _CONTENT[:1000]
    assert body.closed == 1


@pytest.mark.parametrize("size", [len(_CONTENT), 12])
async def test_no_second_answer_in_a_body(size: int) -> None:
    """A failure before the first byte of a body that has been announced is no place for an error document."""
    body = _Failing(RuntimeError("a defect"), after=0, size=size)
    async with front(lambda: _answer(body)) as served, await Wire.connect(served.url) as wire:
        await wire.request("GET", "/v2/x")
        received = await wire.reader.read()
    assert received.count(b"HTTP/1.1") == 1
    assert received.endswith(b"\r\n\r\n")


async def test_a_live_body_that_ends_early() -> None:
    """A body that stops short of its size without a word closes the connection: the next answer is none of it."""
    async with front(lambda: _answer(_Failing(None, after=1000, size=len(_CONTENT)))) as served:
        answer = await ask(served.url, "/v2/x")
    assert not answer.complete
    assert answer.body == _CONTENT[:1000]


async def test_a_file_that_became_shorter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is cut after it was opened is sent as far as it goes, and the connection closed."""
    path = tmp_path / "blob"
    path.write_bytes(_CONTENT[:1000])
    body = FileBody(os.open(path, os.O_RDONLY), len(_CONTENT))
    async with front(lambda: _answer(body)) as served:
        answer = await ask(served.url, "/v2/x")
    assert (answer.status, answer.complete, answer.body) == (200, False, _CONTENT[:1000])
    assert "became shorter" in caplog.text


async def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A file whose reading fails after the head is out closes the connection short; nothing takes its place."""
    path = tmp_path / "blob"
    path.write_bytes(_CONTENT)
    body = FileBody(os.open(path, os.O_WRONLY), len(_CONTENT))
    async with front(lambda: _answer(body)) as served, await Wire.connect(served.url) as wire:
        await wire.request("GET", "/v2/x")
        received = await wire.reader.read()
    assert received.count(b"HTTP/1.1") == 1
    assert received.endswith(b"\r\n\r\n")


async def test_a_client_that_leaves() -> None:
    """Leaving in the middle ends the request at once, closes the body, and still has its access line."""
    body = _Endless()
    async with front(lambda: _answer(body)) as served:
        async with await Wire.connect(served.url) as wire:
            await wire.request("GET", "/v2/x")
            await body.reading.wait()
        await body.left.wait()
        lines = await _lines(served)
    assert len(lines) == 1
    assert " GET /v2/x 499 1000 " in lines[0]
    assert "broken-off" in lines[0]


async def test_descriptors_are_given_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """100 clients that leave at once at any point leave no file open and no defect in the log."""
    path = tmp_path / "blob"
    path.write_bytes(_CONTENT * 20)
    before = _open_files()

    def make() -> Answer:
        return _answer(FileBody(os.open(path, os.O_RDONLY), len(_CONTENT) * 20))

    with caplog.at_level(logging.WARNING):
        async with front(make) as served:
            for number in range(100):
                async with await Wire.connect(served.url) as wire:
                    await wire.request("GET", "/v2/x")
                    if number % 3:
                        await wire.reader.readexactly(number * 400)
    assert _open_files() <= before
    assert "nobody thought of" not in caplog.text


async def test_a_log_that_cannot_be_written() -> None:
    """A stream that refuses its lines costs the lines and no request."""

    class _Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    answer = Answer("text/plain", 2, HeldBody(b"ok"))
    async with front(lambda: answer, _Closed()) as served, await Wire.connect(served.url) as wire:
        for _ in range(250):
            await wire.request("GET", "/v2/")
            assert (await wire.answer()).status == 200
