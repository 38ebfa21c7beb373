"""The raw client: it must never take a cut body for a whole one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from fakes.answers import Answer
from fakes.content import Held
from fakes.faults import CutAfter, Drip, Fault, Longer, Shorter, Status, Together, Unsized
from fakes.server import FakeOrigin
from fakes.wire import Wire, WireError, ask, fetch, parse_head
from hypothesis import given
from hypothesis import strategies as st

BODY = b"0123456789" * 1000

WHOLE: dict[str, Fault] = {
    "chunked": Unsized(),
    "ended by closing": Unsized(chunked=False),
    "honestly shorter": Shorter(1),
    "longer than declared": Longer(5, honest=False),
}
CUT: dict[str, Fault] = {
    "after the head": CutAfter(0),
    "after one byte": CutAfter(1),
    "before the last byte": CutAfter(len(BODY) - 1),
    "shorter than declared": Shorter(1, honest=False),
    "chunked without an end": Together((Unsized(), CutAfter(len(BODY)))),
    "reset": CutAfter(500, reset=True),
}


@contextlib.asynccontextmanager
async def origin_with(fault: Fault) -> AsyncIterator[FakeOrigin]:
    async with FakeOrigin() as origin:
        origin.put("/file", Answer(content=Held(BODY)))
        origin.always("/file", fault)
        yield origin


@pytest.mark.parametrize("fault", WHOLE.values(), ids=WHOLE.keys())
async def test_a_body_that_ends_as_declared_is_complete(fault: Fault) -> None:
    """Every framing's proper end is told from a cut."""
    async with origin_with(fault) as origin:
        answer = await ask(origin.url, "/file")
    assert answer.complete
    assert answer.body[:9999] == BODY[:9999]


@pytest.mark.parametrize("fault", CUT.values(), ids=CUT.keys())
async def test_a_body_that_is_cut_is_not_complete(fault: Fault) -> None:
    """A connection closed before the declared end never counts as complete."""
    async with origin_with(fault) as origin:
        answer = await fetch(origin.url, "/file")
    assert not answer.complete
    assert answer.size <= len(BODY)


async def test_a_connection_cut_before_the_head_is_an_error() -> None:
    """No status line is no answer."""
    async with origin_with(CutAfter(None)) as origin:
        with pytest.raises(WireError):
            await ask(origin.url, "/file")


async def test_head_reads_no_body() -> None:
    """A HEAD's Content-Length promises nothing on this connection, which goes on to carry a GET."""
    async with FakeOrigin() as origin:
        origin.put("/file", Answer(content=Held(BODY)))
        async with await Wire.connect(origin.url) as wire:
            await wire.request("HEAD", "/file")
            head = await wire.answer("HEAD")
            await wire.request("GET", "/file")
            whole = await wire.answer()
        assert origin.connections == 1
    assert (head.header("content-length"), head.body, head.complete) == ("10000", b"", True)
    assert whole.body == BODY


async def test_pieces_arrive_before_the_body_is_whole() -> None:
    """A reader sees the first bytes while the rest is still held back."""
    drip = Drip(100)
    async with origin_with(drip) as origin, await Wire.connect(origin.url) as wire:
        await wire.request("GET", "/file")
        head = await wire.head()
        body = wire.body(head)
        drip.permits.release()
        assert await anext(body) == BODY[:100]
        assert not wire.complete
        await body.aclose()


async def test_exact_bytes_go_out() -> None:
    """Two requests written in one go are answered in order."""
    async with FakeOrigin() as origin, await Wire.connect(origin.url) as wire:
        origin.script("/b", Status(418, body=b"second"))
        await wire.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [(await wire.answer()).status, (await wire.answer()).status] == [404, 418]


@given(raw=st.binary(max_size=200))
def test_a_head_is_read_or_refused(raw: bytes) -> None:
    """Whatever arrives, reading a head gives a Head or a WireError and nothing else."""
    try:
        head = parse_head(b"HTTP/1.1 200 OK\r\n" + raw + b"\r\n\r\n")
    except WireError:
        return
    assert head.status == 200
