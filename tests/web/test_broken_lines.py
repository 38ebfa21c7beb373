"""What the log says of transfers and requests that went wrong, and how an old client sees a broken one."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.wire import Wire, ask
from web.scripted import front

from proxy.cache.bodies import Body, FileBody, HeldBody
from proxy.core.errors import SourceBroken
from proxy.pipeline.answers import Answer

_CONTENT = bytes(range(256)) * 2000


class _Live:
    """A live body that gives some bytes and then ends or fails."""

    def __init__(self, error: Exception | None, *, size: int | None, after: int = 1000) -> None:
        self.size = size
        self._error = error
        self._after = after

    async def read(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        yield _CONTENT[start : self._after]
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Nothing to let go."""


async def _line(body: Body, target: str = "/v2/x") -> str:
    """The one access line of asking for this body."""
    lines = io.StringIO()
    async with front(lambda: Answer("text/plain", body.size, body), lines) as served:
        await ask(served.url, target)
    (line,) = lines.getvalue().splitlines()
    return line


@pytest.mark.parametrize("error", [SourceBroken("wrong digest"), OSError(5, "EIO"), RuntimeError("a defect")])
async def test_http_1_0_sees_that_a_body_of_unknown_size_is_broken(error: Exception) -> None:
    """Where only the end of the connection ends a body, a broken one ends with a reset and never in order."""
    body = _Live(error, size=None)
    async with front(lambda: Answer("text/plain", None, body)) as served, await Wire.connect(served.url) as wire:
        await wire.send(b"GET /v2/x HTTP/1.0\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await wire.reader.read()


async def test_http_1_0_gets_a_body_of_unknown_size() -> None:
    """A right body of unknown size ends in order for an old client."""
    body = _Live(None, size=None)
    async with front(lambda: Answer("text/plain", None, body)) as served, await Wire.connect(served.url) as wire:
        await wire.send(b"GET /v2/x HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = await wire.answer()
    assert (answer.status, answer.complete, answer.body) == (200, True, _CONTENT[:1000])


@pytest.mark.parametrize("size", [len(_CONTENT), None])
@pytest.mark.parametrize(("error", "status"), [(SourceBroken("wrong digest"), 200), (RuntimeError("a defect"), 500)])
async def test_a_broken_stream_counts_what_left(error: Exception, status: int, size: int | None) -> None:
    """The line of a live body that failed tells the bytes that left, and that it was broken off."""
    line = await _line(_Live(error, size=size))
    assert f" {status} 1000 " in line
    assert "; broken-off" in line


async def test_a_whole_stream_of_unknown_size_is_counted() -> None:
    """A body that was sent in chunks is counted as well, and not called broken."""
    line = await _line(_Live(None, size=None))
    assert " 200 1000 " in line
    assert "broken-off" not in line


async def test_a_short_file_counts_what_left(tmp_path: Path) -> None:
    """The line of a file that became shorter tells the bytes that left."""
    path = tmp_path / "blob"
    path.write_bytes(_CONTENT[:1000])
    line = await _line(FileBody(os.open(path, os.O_RDONLY), len(_CONTENT)))
    assert " 200 1000 " in line
    assert "; broken-off" in line


async def test_a_file_whose_client_leaves(tmp_path: Path) -> None:
    """A client that leaves in the middle of a file is noted with fewer bytes than there are."""
    path, size = tmp_path / "blob", 64 << 20
    with path.open("wb") as file:
        file.truncate(size)
    lines = io.StringIO()

    def make() -> Answer:
        return Answer("a", size, FileBody(os.open(path, os.O_RDONLY), size))

    async with front(make, lines) as served:
        wire = await Wire.connect(served.url)
        await wire.request("GET", "/v2/x")
        await wire.reader.readexactly(100_000)
        await wire.close()
    (line,) = lines.getvalue().splitlines()
    status, sent = line.split()[4:6]
    assert status == "499"
    assert 100_000 - 1000 <= int(sent) < size
    assert "; broken-off" in line


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nno-colon-canary\r\n\r\n",
        b"canary-canary\r\n\r\n",
        b"GET /canary" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_what_is_no_request(head: bytes) -> None:
    """A broken head gets our 400 with guards and an id, one line of log, and nothing of it comes back."""
    lines = io.StringIO()
    answered = Answer("a", 2, HeldBody(b"ok"))
    async with front(lambda: answered, lines) as served, await Wire.connect(served.url) as wire:
        await wire.send(head)
        answer = await wire.answer()
        assert await wire.closed()
    assert (answer.status, answer.header("Server")) == (400, "moorage")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert (answer.header("Content-Type") or "").startswith("text/plain")
    assert b"well-formed" in answer.body
    assert b"canary" not in answer.body
    (line,) = lines.getvalue().splitlines()
    assert f" 127.0.0.1 - - 400 {len(answer.body)} " in line
    assert f"id={answer.header('X-Request-Id')}" in line
    assert "canary" not in line


@pytest.mark.parametrize("target", ["http://user:canary@localhost/v2/", "user:canary@localhost:443"])
async def test_a_target_that_is_no_path_is_not_logged(target: str) -> None:
    """A target may be a URL with a password in it: the log has a dash instead."""
    line = await _line(HeldBody(b"ok"), target)
    assert " - 400 " in line
    assert "canary" not in line
