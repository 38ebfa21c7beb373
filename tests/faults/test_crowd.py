"""Many clients, one download: everybody streams from it at their own pace, and nobody's leaving stops it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.content import Pattern
from fakes.faults import Gate, Together
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.wire import Received, Wire, fetch
from faults.program import (
    REPOSITORY,
    begun,
    blob,
    partials,
    range_starts,
    serving,
    stored,
    until,
    wrong_files,
)

_MIB = 1 << 20


async def _client(url: str, target: str, holding: asyncio.Event) -> Received:
    """Read everything and hash it; says when the first byte of the body is here."""
    async with await Wire.connect(url) as wire:
        await wire.request("GET", target)
        head = await wire.head()
        size, running_hash = 0, hashlib.sha256()
        async for piece in wire.body(head):
            holding.set()
            size += len(piece)
            running_hash.update(piece)
        return Received(head, size, running_hash.hexdigest(), wire.complete)


@pytest.mark.parametrize(
    ("clients", "size"), [(20, 8 * _MIB), pytest.param(100, 100 * _MIB, marks=pytest.mark.ci)], ids=["few", "many"]
)
async def test_a_crowd_shares_one_download(tmp_path: Path, clients: int, size: int) -> None:
    """The upstream waits after 5 % until each client holds a byte; at half, the first client is killed.

    One upstream GET, and every other digest is right.
    """
    start, half = Gate(size // 20), Gate(size // 2)
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, size)
        upstream.script("/blobs/", Together((start, half)))
        async with running(tmp_path / "data", source(upstream.url)) as proxy:
            began = time.monotonic()
            holding = [asyncio.Event() for _ in range(clients)]
            readers = [asyncio.ensure_future(_client(proxy.url, blob(digest), event)) for event in holding]
            await start.reached.wait()
            for event in holding:
                await event.wait()
            start.opened.set()
            await half.reached.wait()
            readers[0].cancel()
            await asyncio.wait(readers[:1])
            half.opened.set()
            received = await asyncio.gather(*readers[1:])
            seconds = time.monotonic() - began
        print(f"{clients} clients, {size // _MIB} MiB: {seconds:.1f} s, {upstream.count('GET')} upstream GET")
        assert {(one.complete, one.size, f"sha256:{one.sha256}") for one in received} == {(True, size, digest)}
        assert upstream.count() == 1
    assert stored(tmp_path / "data", digest).exists()
    assert wrong_files(tmp_path / "data") == []


async def test_the_slowest_client_slows_nobody(tmp_path: Path) -> None:
    """A client that reads nothing until all others are done holds up neither them nor the download."""
    size = 16 * _MIB
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, size)
        async with running(tmp_path / "data", source(upstream.url)) as proxy, await Wire.connect(proxy.url) as slow:
            await slow.request("GET", blob(digest))
            head = await slow.head()
            others = await asyncio.gather(*(fetch(proxy.url, blob(digest)) for _ in range(5)))
            assert {f"sha256:{one.sha256}" for one in others} == {digest}
            await until(lambda: stored(tmp_path / "data", digest).exists())
            body = b"".join([piece async for piece in slow.body(head)])
            assert slow.complete
            assert f"sha256:{hashlib.sha256(body).hexdigest()}" == digest
        assert upstream.count() == 1


async def test_a_download_goes_on_when_everybody_leaves_near_its_end(tmp_path: Path) -> None:
    """With 64 MiB or less to come, the rest is worth having: the next client finds the whole."""
    clock, gate = FakeClock(), Gate(2 * _MIB)
    size = 8 * _MIB
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, size)
        upstream.script("/blobs/", gate)
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            for wire, _ in await asyncio.gather(*(begun(proxy.url, blob(digest)) for _ in range(5))):
                await wire.close()
            await until(lambda: not serving())
            clock.advance(11)
            gate.opened.set()
            await until(lambda: stored(tmp_path / "data", digest).exists())
            received = await fetch(proxy.url, blob(digest))
            assert (received.complete, f"sha256:{received.sha256}") == (True, digest)
        assert upstream.count("GET") == 1


async def test_a_download_nobody_wants_stops_and_is_resumed(tmp_path: Path) -> None:
    """With more than 64 MiB to come it ends after 10 s, its part stays, and the next client goes on from there."""
    clock, gate = FakeClock(), Gate(4 * _MIB)
    size = 80 * _MIB
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, size)
        upstream.script("/blobs/", gate)
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            wire, _ = await begun(proxy.url, blob(digest))
            await wire.close()
            await until(lambda: not serving())
            clock.advance(11)
            gate.opened.set()
            await until(lambda: upstream.count("GET") == 1 and not upstream._conversations)
            assert partials(tmp_path / "data")[0].stat().st_size < 16 * _MIB
            received = await fetch(proxy.url, blob(digest))
            assert (received.complete, f"sha256:{received.sha256}") == (True, digest)
        starts = range_starts(upstream)
        assert starts[0] is None
        assert starts[1] is not None
        assert 0 < starts[1] < 16 * _MIB


async def test_a_range_of_a_download_under_way(tmp_path: Path) -> None:
    """Ranges are served from the growing file: a middle one without waiting for the end, others when they come."""
    size, gate = 4 * _MIB, Gate(2 * _MIB)
    content = Pattern(size, 0).read(0, size)
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, size)
        upstream.script("/blobs/", gate)
        async with running(tmp_path / "data", source(upstream.url)) as proxy:
            wire, _ = await begun(proxy.url, blob(digest))
            middle = await _ranged(proxy.url, digest, f"bytes={_MIB}-{_MIB + 999}")
            assert middle == content[_MIB : _MIB + 1000]
            last = asyncio.ensure_future(_ranged(proxy.url, digest, "bytes=-1000"))
            late = asyncio.ensure_future(_ranged(proxy.url, digest, f"bytes={3 * _MIB}-"))
            gate.opened.set()
            assert await last == content[-1000:]
            assert await late == content[3 * _MIB :]
            await wire.close()
        assert upstream.count() == 1


async def _ranged(url: str, digest: str, span: str) -> bytes:
    async with await Wire.connect(url) as wire:
        await wire.request("GET", blob(digest), [("Range", span)])
        answer = await wire.answer()
        assert (answer.status, answer.complete) == (206, True)
        return answer.body
