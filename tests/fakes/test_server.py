"""The byte level of the fake servers: each fault does on the wire what its name says, and nothing else."""

from __future__ import annotations

import asyncio
import gzip
import hashlib

import pytest
from fakes.answers import Answer
from fakes.content import Content, Held, Pattern
from fakes.faults import (
    CutAfter,
    Gate,
    Gzipped,
    Headers,
    Html200,
    Longer,
    LyingRange,
    NoRange,
    Normal,
    Redirect,
    Shorter,
    Stall,
    Status,
    Together,
    WrongBytes,
)
from fakes.server import FakeOrigin
from fakes.wire import Wire, ask, fetch

BODY = bytes(range(256)) * 4


def serve(origin: FakeOrigin, content: Content | None = None) -> None:
    headers = (("Docker-Content-Digest", "sha256:right"), ("X-Plain", "kept"))
    origin.put("/file", Answer(headers=headers, content=content or Held(BODY), ranges=True))


async def test_a_script_is_used_up_in_order() -> None:
    """Each scripted fault spoils one matching request, other paths and later requests are answered normally."""
    async with FakeOrigin() as origin:
        serve(origin)
        origin.script("GET /file", Status(500), Normal(), Html200())
        statuses = [(await ask(origin.url, "/other")).status]
        statuses += [(await ask(origin.url, "/file", method="HEAD")).status]
        answers = [await ask(origin.url, "/file") for _ in range(4)]
    assert statuses == [404, 200]
    assert [answer.status for answer in answers] == [500, 200, 200, 200]
    assert answers[2].header("content-type") == "text/html; charset=utf-8"
    assert answers[1].body == answers[3].body == BODY


async def test_ranges_and_the_lies_about_them() -> None:
    """A range is right, ignored, shifted in silence or shifted openly, as scripted."""
    wanted = (("Range", "bytes=100-199"),)
    async with FakeOrigin() as origin:
        serve(origin)
        origin.script("/file", Normal(), NoRange(), LyingRange(1), LyingRange(1, admits=True))
        right, whole, silent, open_lie = [await ask(origin.url, "/file", headers=wanted) for _ in range(4)]
        behind = await ask(origin.url, "/file", headers=(("Range", "bytes=5000-"),))
        suffix = await ask(origin.url, "/file", headers=(("Range", "bytes=1000-"),))
    assert (right.status, right.header("content-range"), right.body) == (206, "bytes 100-199/1024", BODY[100:200])
    assert (whole.status, whole.body) == (200, BODY)
    assert (silent.header("content-range"), silent.body) == ("bytes 100-199/1024", BODY[101:201])
    assert (open_lie.header("content-range"), open_lie.body) == ("bytes 101-200/1024", BODY[101:201])
    assert (behind.status, behind.header("content-range")) == (416, "bytes */1024")
    assert suffix.body == BODY[1000:]


async def test_bytes_and_lengths_are_wrong_as_asked() -> None:
    """Flipped, missing and surplus bytes, with an honest or a lying Content-Length."""
    async with FakeOrigin() as origin:
        serve(origin)
        origin.script("/file", WrongBytes(-1), Shorter(4), Longer(4), Longer(4, honest=False), Gzipped())
        flipped, shorter, longer, lying, packed = [await ask(origin.url, "/file") for _ in range(5)]
    assert flipped.body == BODY[:-1] + bytes((BODY[-1] ^ 1,))
    assert (shorter.body, shorter.header("content-length")) == (BODY[:-4], "1020")
    assert (longer.body, longer.complete) == (BODY + b"xxxx", True)
    assert (lying.body, lying.header("content-length")) == (BODY, "1024")
    assert (packed.header("content-encoding"), gzip.decompress(packed.body)) == ("gzip", BODY)


async def test_headers_are_replaced_dropped_and_added() -> None:
    """A lying digest takes the true one's place, and without a length only closing ends the body."""
    fault = Headers(
        (("Docker-Content-Digest", "sha256:lie"), ("Set-Cookie", "a=b")), drop=("X-Plain", "Content-Length")
    )
    async with FakeOrigin() as origin:
        serve(origin)
        origin.script("/file", fault)
        answer = await ask(origin.url, "/file")
    assert answer.head.all("docker-content-digest") == ("sha256:lie",)
    assert answer.header("set-cookie") == "a=b"
    assert answer.header("x-plain") is None
    assert (answer.header("content-length"), answer.body, answer.complete) == (None, BODY, True)


async def test_a_gate_holds_exactly_behind_its_byte() -> None:
    """Before the gate opens, the client has the bytes in front of it and not one more."""
    head_gate, body_gate = Gate(None), Gate(100)
    async with FakeOrigin() as origin, await Wire.connect(origin.url) as wire:
        serve(origin)
        origin.script("/file", Together((head_gate, body_gate)))
        await wire.request("GET", "/file")
        await head_gate.reached.wait()
        assert origin.body_bytes_sent == 0
        head_gate.opened.set()
        await wire.head()
        await body_gate.reached.wait()
        assert await wire.reader.readexactly(100) == BODY[:100]
        assert origin.body_bytes_sent == 100
        body_gate.opened.set()
        assert await wire.reader.readexactly(924) == BODY[100:]


async def test_many_wait_at_one_gate() -> None:
    """One gate holds every request of its path, and one event lets all go on."""
    gate = Gate(1)
    async with FakeOrigin() as origin:
        serve(origin)
        origin.always("/file", gate)
        tasks = [asyncio.create_task(fetch(origin.url, "/file")) for _ in range(20)]
        await origin.seen(20, path="/file")
        gate.opened.set()
        received = await asyncio.gather(*tasks)
    assert {answer.sha256 for answer in received} == {hashlib.sha256(BODY).hexdigest()}


async def test_a_stalled_answer_ends_with_the_server() -> None:
    """A request that is never answered neither hangs the server's end nor counts as answered."""
    async with FakeOrigin() as origin:
        origin.always("/file", Stall())
        async with await Wire.connect(origin.url) as wire:
            await wire.request("GET", "/file")
            await origin.seen(path="/file")
            await origin.stop()
            assert await wire.closed()


async def test_a_redirect_names_its_target() -> None:
    """The redirect's status and Location are as scripted and it has no body."""
    async with FakeOrigin() as target, FakeOrigin() as origin:
        location = target.put("/signed", Answer(content=Held(BODY)))
        origin.script("/file", Redirect(location + "?signature=1", 302))
        answer = await ask(origin.url, "/file")
        followed = await ask(target.url, "/signed?signature=1")
        assert target.requests[0].query == (("signature", "1"),)
    assert (answer.status, answer.header("location")) == (302, f"{target.url}/signed?signature=1")
    assert (answer.body, followed.body) == (b"", BODY)


async def test_a_stopped_server_refuses_and_comes_back_on_its_port() -> None:
    """After `stop` connecting is refused; after `start` the same URL answers again."""
    async with FakeOrigin() as origin:
        serve(origin)
        url = origin.url
        await origin.stop()
        with pytest.raises(ConnectionRefusedError):
            await ask(url, "/file")
        await origin.start()
        assert (await ask(url, "/file")).body == BODY


async def test_requests_are_recorded_and_counted() -> None:
    """Method, path, query, headers and pings are told apart; `clear` forgets."""
    async with FakeOrigin() as origin:
        serve(origin)
        await ask(origin.url, "/v2/")
        await ask(origin.url, "/file?a=1&a=2", headers=(("X-One", "1"), ("x-one", "2")))
        await ask(origin.url, "/file", method="HEAD")
        assert (origin.pings, origin.count(), origin.count("HEAD"), origin.count(path="fil")) == (1, 2, 1, 2)
        assert origin.requests[1].query == (("a", "1"), ("a", "2"))
        assert origin.requests[1].headers["x-one"] == "1, 2"
        origin.clear()
        assert (origin.pings, origin.count(), origin.connections) == (0, 0, 0)


async def test_a_large_pattern_is_served_and_resumed() -> None:
    """A pattern's range holds the same bytes as its whole, across a cut in the middle."""
    pattern = Pattern(5_000_001, seed=7)
    async with FakeOrigin() as origin:
        serve(origin, pattern)
        origin.script("/file", CutAfter(3_333_333))
        first = await ask(origin.url, "/file")
        rest = await ask(origin.url, "/file", headers=(("Range", f"bytes={len(first.body)}-"),))
    assert (first.complete, rest.complete) == (False, True)
    assert "sha256:" + hashlib.sha256(first.body + rest.body).hexdigest() == pattern.digest()
