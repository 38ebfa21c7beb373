"""Upstreams that hang, stall or crawl: limits end them, downloads go on where they can, and waiters are let go."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.faults import CutAfter, Drip, Fault, Gate, Stall
from fakes.registry import MANIFEST_TYPE, FakeRegistry
from fakes.running import running, source
from fakes.wire import WireAnswer, ask, fetch
from faults.program import REPOSITORY, blob, content_of, judged, manifest_of, outcome, range_starts, until

_CONTENT = content_of(2_000_000)
_CLIENTS = 5
# The sweeper sleeps as long as the program runs.
_SWEEPER = 1


async def _move(
    clock: FakeClock, seconds: float, waiting: Sequence[asyncio.Future[WireAnswer]], drip: Drip | None = None
) -> None:
    """Move time on whenever a new limit or pause has begun, until the clients have their answers."""
    newest: object = None
    while not all(client.done() for client in waiting):
        if clock._timers and clock._timers[-1] is not newest:
            newest = clock._timers[-1]
            clock.advance(seconds)
            if drip is not None:
                drip.permits.release()
        await asyncio.sleep(0)


async def _stands_at(path: Path, length: int) -> None:
    await until(lambda: path.exists() and path.stat().st_size == length)


@pytest.mark.parametrize("fault", [Stall(), Gate(0)], ids=["before the head", "after the head"])
async def test_an_upstream_that_sends_nothing(tmp_path: Path, fault: Fault) -> None:
    """After 30 seconds each attempt ends, and after some attempts all waiters get a clean error."""
    clock = FakeClock()
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        upstream.always("/blobs/", fault)
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            began = clock.monotonic()
            clients = [asyncio.ensure_future(ask(proxy.url, blob(digest))) for _ in range(_CLIENTS)]
            await _move(clock, 30.0, clients)
            assert {judged(await client, _CONTENT) for client in clients} == {"error 504"}
            assert clock.monotonic() - began < 200
            assert upstream.count() <= 4
            upstream.clear_faults()
            assert await outcome(proxy.url, blob(digest), _CONTENT) == "right"


@pytest.mark.parametrize(
    ("after", "lengths", "expected"),
    [
        (1000, [1000, 1000, 1000], "short"),
        (600_000, [600_000, 1_195_904, 1_791_808], "short"),
        (1_000_000, [1_000_000, 1_995_904], "right"),
    ],
)
async def test_an_upstream_that_stalls_in_every_answer(
    tmp_path: Path, after: int, lengths: list[int], expected: str
) -> None:
    """Each stall ends after 30 seconds without a byte, and the next range adds to what is there, three times at most.

    What was begun and cannot be ended is closed short. `lengths` is what is on disk at each stall.
    """
    clock = FakeClock()
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        upstream.always("/blobs/", Gate(after))
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            clients = [asyncio.ensure_future(ask(proxy.url, blob(digest))) for _ in range(_CLIENTS)]
            path = tmp_path / "data" / "partial" / digest.replace(":", "-")
            for attempt, length in enumerate(lengths, 1):
                await upstream.seen(attempt)
                await _stands_at(path, length)
                await clock.waiting(1 + _SWEEPER)
                clock.advance(30)
                if attempt < 3:
                    await until(lambda: any(timer.due < clock.monotonic() + 5 for timer in clock._timers))
                    clock.advance(1)
            assert {judged(await client, _CONTENT) for client in clients} == {expected}
            upstream.clear_faults()
            assert await outcome(proxy.url, blob(digest), _CONTENT) == "right"


async def test_a_stalled_download_is_resumed(tmp_path: Path) -> None:
    """A stall in the middle costs 30 seconds and a range; the waiters get every byte."""
    clock, gate = FakeClock(), Gate(1_500_000)
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        upstream.script("/blobs/", gate)
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            clients = [asyncio.ensure_future(fetch(proxy.url, blob(digest))) for _ in range(_CLIENTS)]
            await gate.reached.wait()
            path = tmp_path / "data" / "partial" / digest.replace(":", "-")
            await _stands_at(path, 1_500_000)
            await clock.waiting(1 + _SWEEPER)
            clock.advance(29)
            await asyncio.sleep(0)
            assert upstream.count() == 1
            clock.advance(1)
            await clock.waiting(1 + _SWEEPER)
            clock.advance(1)
            for client in clients:
                received = await client
                assert received.complete
                assert received.sha256 == hashlib.sha256(_CONTENT).hexdigest()
        assert range_starts(upstream) == [None, 1_500_000 - 4096]


async def test_an_upstream_that_drips(tmp_path: Path) -> None:
    """A byte now and then never lets a read limit end; the least speed of 1 kB a second does."""
    clock, drip = FakeClock(), Drip(1)
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        upstream.always("/blobs/", drip)
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            clients = [asyncio.ensure_future(ask(proxy.url, blob(digest))) for _ in range(_CLIENTS)]
            await _move(clock, 25.0, clients, drip)
            assert {judged(await client, _CONTENT) for client in clients} == {"short"}
            assert upstream.count() <= 4
            assert upstream.body_bytes_sent < 40
            upstream.clear_faults()
            assert await outcome(proxy.url, blob(digest), _CONTENT) == "right"


async def test_a_stalled_manifest(tmp_path: Path) -> None:
    """Small objects end by the same limits, and their waiters share one attempt."""
    clock, content = FakeClock(), manifest_of()
    async with FakeRegistry() as upstream:
        upstream.add_manifest(REPOSITORY, content, MANIFEST_TYPE, "v1")
        upstream.always("/manifests/", Stall())
        target = f"/v2/test/{REPOSITORY}/manifests/v1"
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            clients = [asyncio.ensure_future(ask(proxy.url, target)) for _ in range(_CLIENTS)]
            await _move(clock, 30.0, clients)
            assert {judged(await client, content) for client in clients} == {"error 504"}
            assert upstream.count() <= 3
            upstream.clear_faults()
            assert await outcome(proxy.url, target, content) == "right"


async def test_tls_that_never_comes(tmp_path: Path) -> None:
    """A port that accepts and never speaks TLS ends by the same limit."""
    clock = FakeClock()
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        settings = source(upstream.url.replace("http:", "https:"))
        async with running(tmp_path / "data", settings, clock=clock) as proxy:
            client = asyncio.ensure_future(ask(proxy.url, blob(digest)))
            await _move(clock, 30.0, [client])
            assert judged(await client, _CONTENT) == "error 504"


@pytest.mark.parametrize("way", ["refused", "reset"])
async def test_an_outage_heals_by_itself(tmp_path: Path, way: str) -> None:
    """While the upstream is down, what is held is served and the rest fails fast; afterwards all is well again."""
    other = content_of(500_000, seed=2)
    async with FakeRegistry() as upstream:
        held, missing = upstream.add_blob(REPOSITORY, _CONTENT), upstream.add_blob(REPOSITORY, other)
        async with running(tmp_path / "data", source(upstream.url)) as proxy:
            assert await outcome(proxy.url, blob(held), _CONTENT) == "right"
            if way == "refused":
                await upstream.stop()
            else:
                upstream.always("/v2/", CutAfter(None, reset=True))
            assert await outcome(proxy.url, blob(held), _CONTENT) == "right"
            assert await outcome(proxy.url, blob(missing), other) == "error 502"
            upstream.clear_faults()
            await upstream.start()
            assert await outcome(proxy.url, blob(missing), other) == "right"
