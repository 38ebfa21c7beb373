"""Clients that leave and programs that stop, at every stage: nothing stays running or open, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fakes.faults import Gate
from fakes.registry import MANIFEST_TYPE, FakeRegistry
from fakes.running import Running, running, source
from fakes.wire import Wire
from faults.program import (
    REPOSITORY,
    ImpatientClock,
    begun,
    blob,
    content_of,
    manifest_of,
    open_descriptors,
    outcome,
    partials,
    range_starts,
    serving,
    stored,
    until,
)

_CONTENT = content_of(4_000_000)
_MANIFEST = manifest_of()
_CLIENTS = 5


@asynccontextmanager
async def _nothing_left() -> AsyncIterator[None]:
    """Afterwards, no task runs and no file or socket is open that was not before."""
    tasks, descriptors = asyncio.all_tasks(), open_descriptors()
    yield
    await until(lambda: asyncio.all_tasks() <= tasks)
    await until(lambda: open_descriptors() <= descriptors)


async def _leave_everybody(proxy: Running, method: str, target: str, gate: Gate) -> None:
    """Clients ask, and all leave when the upstream stands at the gate."""
    wires = [await Wire.connect(proxy.url) for _ in range(_CLIENTS)]
    for wire in wires:
        await wire.request(method, target)
    await gate.reached.wait()
    await until(lambda: serving() == _CLIENTS)
    for wire in wires:
        await wire.close()
    await until(lambda: serving() == 0)


@pytest.mark.parametrize("opened", ["after", "before"])
@pytest.mark.parametrize("after", [None, 0, 1, 1_000_000, 3_800_000, 4_000_000])
async def test_everybody_leaves_a_download(tmp_path: Path, after: int | None, opened: str) -> None:
    """Wherever the download stands when its last reader goes, it ends well, and so does who comes later."""
    async with _nothing_left(), FakeRegistry() as upstream:
        digest, gate = upstream.add_blob(REPOSITORY, _CONTENT), Gate(after)
        upstream.script("/blobs/", gate)
        async with running(tmp_path / "data", source(upstream.url), clock=ImpatientClock()) as proxy:
            await _leave_everybody(proxy, "GET", blob(digest), gate)
            late = asyncio.ensure_future(outcome(proxy.url, blob(digest), _CONTENT))
            if opened == "before":
                await until(lambda: serving() == 1)
            gate.opened.set()
            assert await late == "right"
            await until(stored(tmp_path / "data", digest).exists)
        assert upstream.count("GET") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("what", ["manifests/v1", "tags/list", "blobs"])
async def test_everybody_leaves_a_question(tmp_path: Path, method: str, what: str) -> None:
    """Who asks for something small, or for a head, may leave before the answer; it is there for the next."""
    async with _nothing_left(), FakeRegistry() as upstream:
        digest, gate = upstream.add_blob(REPOSITORY, _CONTENT), Gate(None)
        upstream.add_manifest(REPOSITORY, _MANIFEST, MANIFEST_TYPE, "v1")
        target = blob(digest) if what == "blobs" else f"/v2/test/{REPOSITORY}/{what}"
        upstream.script(f"/{what}", gate)
        async with running(tmp_path / "data", source(upstream.url), clock=ImpatientClock()) as proxy:
            await _leave_everybody(proxy, method, target, gate)
            gate.opened.set()
            async with await Wire.connect(proxy.url) as wire:
                await wire.request(method, target)
                assert (await wire.answer(method)).status == 200
        assert upstream.count() == 1


async def test_everybody_leaves_a_warm_transfer(tmp_path: Path) -> None:
    """Who leaves while a stored file is being sent leaves no file open."""
    size = 64 << 20
    async with _nothing_left(), FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, size)
        async with running(tmp_path / "data", source(upstream.url), clock=ImpatientClock()) as proxy:
            wire, _ = await begun(proxy.url, blob(digest))
            await wire.close()
            await until(stored(tmp_path / "data", digest).exists)
            await until(lambda: serving() == 0)
            descriptors = open_descriptors()
            for wire, _ in [await begun(proxy.url, blob(digest)) for _ in range(_CLIENTS)]:
                await wire.close()
            await until(lambda: serving() == 0 and open_descriptors() <= descriptors)
            assert upstream.count() == 1


async def test_clients_leave_at_random_moments(tmp_path: Path) -> None:
    """After 200 requests of all kinds, each given up after a random number of turns, nothing is left of them."""
    choose = random.Random(7)
    async with _nothing_left(), FakeRegistry() as upstream:
        digests = [upstream.add_blob(REPOSITORY, content_of(size, seed=size)) for size in (10, 200_000, 900_000)]
        upstream.add_manifest(REPOSITORY, _MANIFEST, MANIFEST_TYPE, "v1")
        targets = [blob(digest) for digest in digests]
        targets += [f"/v2/test/{REPOSITORY}/manifests/v1", f"/v2/test/{REPOSITORY}/tags/list"]

        async def visit(url: str) -> None:
            async with await Wire.connect(url) as wire:
                await wire.request(choose.choice(("GET", "HEAD")), choose.choice(targets))
                for _ in range(choose.randrange(60)):
                    await asyncio.sleep(0)

        async with running(tmp_path / "data", source(upstream.url), clock=ImpatientClock()) as proxy:
            for _ in range(20):
                await asyncio.gather(*(visit(proxy.url) for _ in range(10)))
            await until(lambda: serving() == 0)
            for digest, size in zip(digests, (10, 200_000, 900_000), strict=True):
                assert await outcome(proxy.url, blob(digest), content_of(size, seed=size)) == "right"
            await until(lambda: serving() == 0)
            # A download has its file until it is on record, which may be after its last reader left.
            await until(lambda: not any(path.startswith(str(tmp_path / "data" / "blobs")) for path in _open_paths()))


def _open_paths() -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except FileNotFoundError:
            continue
    return found


@pytest.mark.parametrize("after", [None, 0, 1_000_000, 4_000_000])
async def test_stopping_under_a_download(tmp_path: Path, after: int | None) -> None:
    """The program ends at once although the upstream hangs, keeps what it has, and goes on from there next time."""
    data_dir = tmp_path / "data"
    async with _nothing_left(), FakeRegistry() as upstream:
        digest, gate = upstream.add_blob(REPOSITORY, _CONTENT), Gate(after)
        upstream.script("/blobs/", gate)
        async with _nothing_left():
            async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
                await _leave_everybody(proxy, "GET", blob(digest), gate)
                if after:
                    await until(lambda: partials(data_dir)[0].stat().st_size == after)
            gate.opened.set()
        assert [path.stat().st_size for path in partials(data_dir)] == ([after] if after else [])
        upstream.clear()
        async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
            assert await outcome(proxy.url, blob(digest), _CONTENT) == "right"
        assert range_starts(upstream) == [after - 4096 if after else None]
        assert partials(data_dir) == []
