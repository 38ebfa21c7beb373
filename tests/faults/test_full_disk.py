"""A disk that is full or gone: clients get everything all the same, it is said once, and it mends by itself."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from fakes.content import Pattern
from fakes.faults import CutAfter, Gate, WrongBytes
from fakes.registry import MANIFEST_TYPE, FakeRegistry
from fakes.running import running, source
from fakes.wire import fetch
from faults.disks import file_size_limit, megabytes, read_only, small_disk
from faults.program import (
    REPOSITORY,
    ImpatientClock,
    begun,
    blob,
    content_of,
    manifest_of,
    outcome,
    partials,
    stored,
    until,
    wrong_files,
)

_CONTENT = content_of(2_000_000)
_OTHER = content_of(1_500_000, seed=2)
_SMALL = content_of(100_000, seed=3)


def _said(caplog: pytest.LogCaptureFixture) -> int:
    return sum("not kept" in record.getMessage() for record in caplog.records)


async def test_downloads_on_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where files cannot grow, every client gets the whole verified content, also twice; later it is kept again."""
    data_dir = tmp_path / "data"
    async with FakeRegistry() as upstream:
        first, second = upstream.add_blob(REPOSITORY, _CONTENT), upstream.add_blob(REPOSITORY, _OTHER)
        small = upstream.add_blob(REPOSITORY, _SMALL)
        async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
            with file_size_limit(megabytes(1)):
                for _ in range(2):
                    asked = [outcome(proxy.url, blob(first), _CONTENT) for _ in range(5)]
                    assert set(await asyncio.gather(*asked)) == {"right"}
                    assert await outcome(proxy.url, blob(second), _OTHER) == "right"
                assert await outcome(proxy.url, blob(small), _SMALL) == "right"
                await until(lambda: partials(data_dir) == [])
                assert not stored(data_dir, first).exists()
                assert _said(caplog) == 1
            for digest, content in ((first, _CONTENT), (second, _OTHER)):
                assert await outcome(proxy.url, blob(digest), content) == "right"
                await until(stored(data_dir, digest).exists)
        assert wrong_files(data_dir) == []
        async with running(data_dir, source(upstream.url), cache={"offline": True}) as proxy:
            for digest, content in ((first, _CONTENT), (second, _OTHER), (small, _SMALL)):
                assert await outcome(proxy.url, blob(digest), content) == "right"


@pytest.mark.parametrize("at", [0, 1, 300_000, 1_700_000, 1_999_999])
async def test_the_moment_does_not_matter(tmp_path: Path, at: int) -> None:
    """Whether the disk refuses at the first byte or the last, readers in the middle of it get the right whole."""
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        async with running(tmp_path / "data", source(upstream.url), clock=ImpatientClock()) as proxy:
            with file_size_limit(at):
                asked = [outcome(proxy.url, blob(digest), _CONTENT) for _ in range(5)]
                assert set(await asyncio.gather(*asked)) == {"right"}
                await until(lambda: partials(tmp_path / "data") == [])


async def test_a_full_disk_and_a_wrong_answer(tmp_path: Path) -> None:
    """What was given out of a first, wrong answer is never completed by a second, right one."""
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        upstream.script("/blobs/", WrongBytes(10))
        async with running(tmp_path / "data", source(upstream.url), clock=ImpatientClock()) as proxy:
            with file_size_limit(1_500_000):
                assert await outcome(proxy.url, blob(digest), _CONTENT) == "short"
                assert await outcome(proxy.url, blob(digest), _CONTENT) == "right"


async def test_a_full_disk_changes_no_refusal(tmp_path: Path) -> None:
    """Without a byte of disk, what is missing is still 404, and what is wrong and small still a clean 502."""
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _SMALL)
        missing = f"sha256:{'0' * 64}"
        async with running(tmp_path / "data", source(upstream.url), clock=ImpatientClock()) as proxy:
            (tmp_path / "data").rename(tmp_path / "away")
            assert await outcome(proxy.url, blob(missing), b"") == "error 404"
            upstream.always(f"/blobs/{digest}", WrongBytes(5))
            assert await outcome(proxy.url, blob(digest), _SMALL) == "error 502"
            upstream.always(f"/blobs/{digest}", CutAfter(5))
            assert await outcome(proxy.url, blob(digest), _SMALL) == "error 502"
            upstream.clear_faults()
            assert await outcome(proxy.url, blob(digest), _SMALL) == "right"


async def test_small_objects_on_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Manifests that cannot be written are answered, and served from memory where that is known; said once."""
    data_dir = tmp_path / "data"
    contents = [manifest_of(seed) for seed in range(10)]
    async with FakeRegistry() as upstream:
        digests = [upstream.add_manifest(REPOSITORY, content, MANIFEST_TYPE) for content in contents]
        targets = [f"/v2/test/{REPOSITORY}/manifests/{digest}" for digest in digests]
        async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
            with file_size_limit(10):
                for target, content in zip(targets, contents, strict=True):
                    assert await outcome(proxy.url, target, content) == "right"
            assert _said(caplog) == 1
            for target, content in zip(targets, contents, strict=True):
                assert await outcome(proxy.url, target, content) == "right"
        async with running(data_dir, source(upstream.url), cache={"offline": True}) as proxy:
            for target, content in zip(targets, contents, strict=True):
                assert await outcome(proxy.url, target, content) == "right"


@pytest.mark.parametrize(
    ("disk_size", "blob_size", "clients"),
    [(8, 12, 5), pytest.param(64, 100, 20, marks=pytest.mark.ci)],
    ids=["small", "large"],
)
async def test_a_blob_larger_than_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, disk_size: int, blob_size: int, clients: int
) -> None:
    """Everybody gets it, what was held before is served, the space is free again, and a larger disk keeps it."""
    with small_disk(tmp_path / "disk", disk_size) as disk:
        data_dir = disk.path / "data"
        size = megabytes(blob_size)
        async with FakeRegistry() as upstream:
            digest, old = upstream.add_pattern_blob(REPOSITORY, size), upstream.add_blob(REPOSITORY, _CONTENT)
            async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
                assert await outcome(proxy.url, blob(old), _CONTENT) == "right"
                await until(stored(data_dir, old).exists)
                free = disk.free
                received = await asyncio.gather(*(fetch(proxy.url, blob(digest)) for _ in range(clients)))
                assert {(one.complete, f"sha256:{one.sha256}") for one in received} == {(True, digest)}
                await until(lambda: partials(data_dir) == [])
                assert await outcome(proxy.url, blob(old), _CONTENT) == "right"
                await until(lambda: disk.free > free - megabytes(1))
                assert _said(caplog) == 1
                disk.resize(disk_size + blob_size)
                again = await fetch(proxy.url, blob(digest))
                assert (again.complete, f"sha256:{again.sha256}") == (True, digest)
                await until(stored(data_dir, digest).exists)
            assert wrong_files(data_dir) == []
            async with running(data_dir, source(upstream.url), cache={"offline": True}) as proxy:
                assert (await fetch(proxy.url, blob(digest))).complete
                assert await outcome(proxy.url, blob(old), _CONTENT) == "right"


@pytest.mark.parametrize("way", ["moved", "removed", "a file in its place"])
async def test_a_folder_that_goes_under_load(tmp_path: Path, way: str) -> None:
    """Downloads are served through, nothing is written elsewhere, and a folder that is back is used again."""
    data_dir, away, gate = tmp_path / "data", tmp_path / "away", Gate(1_000_000)
    manifest = manifest_of()
    async with FakeRegistry() as upstream:
        first, second = upstream.add_pattern_blob(REPOSITORY, 2_000_000), upstream.add_blob(REPOSITORY, _OTHER)
        reference = upstream.add_manifest(REPOSITORY, manifest, MANIFEST_TYPE)
        upstream.script("/blobs/", gate)
        async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
            wire, _ = await begun(proxy.url, blob(first))
            under_way = asyncio.ensure_future(fetch(proxy.url, blob(first)))
            await gate.reached.wait()
            _take_away(data_dir, away, way)
            gate.opened.set()
            received = await under_way
            assert (received.complete, f"sha256:{received.sha256}") == (True, first)
            await wire.close()
            whole = Pattern(2_000_000, 0).read(0, 2_000_000)
            for _ in range(2):
                assert await outcome(proxy.url, blob(first), whole) == "right"
                assert await outcome(proxy.url, blob(second), _OTHER) == "right"
                assert await outcome(proxy.url, f"/v2/test/{REPOSITORY}/manifests/{reference}", manifest) == "right"
            assert (
                sorted(entry.name for entry in tmp_path.iterdir())
                == {
                    "moved": ["away"],
                    "removed": [],
                    "a file in its place": ["away", "data"],
                }[way]
            )
            _bring_back(data_dir, away, way)
            assert await outcome(proxy.url, blob(second), _OTHER) == "right"
            await until(stored(data_dir, second).exists)
        assert wrong_files(data_dir) == []


def _take_away(data_dir: Path, away: Path, way: str) -> None:
    if way == "removed":
        shutil.rmtree(data_dir)
        return
    data_dir.rename(away)
    if way == "a file in its place":
        data_dir.write_bytes(b"not a folder")


def _bring_back(data_dir: Path, away: Path, way: str) -> None:
    if way == "removed":
        for part in ("blobs", "entries", "partial", "run"):
            (data_dir / part).mkdir(parents=True, mode=0o700)
        return
    data_dir.unlink(missing_ok=True)
    away.rename(data_dir)


async def test_a_folder_made_read_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without leave to write, everything is served through and said once; with it back, content is kept."""
    data_dir = tmp_path / "data"
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _CONTENT)
        async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
            with read_only(data_dir / "partial"):
                for _ in range(3):
                    assert await outcome(proxy.url, blob(digest), _CONTENT) == "right"
                assert _said(caplog) == 1
            assert await outcome(proxy.url, blob(digest), _CONTENT) == "right"
            await until(stored(data_dir, digest).exists)
