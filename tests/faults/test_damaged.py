"""Content that the disk spoiled: seen, dropped and fetched again, and never served as complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.registry import MANIFEST_TYPE, FakeRegistry
from fakes.running import running, source
from faults.program import (
    REPOSITORY,
    ImpatientClock,
    blob,
    content_of,
    manifest_of,
    outcome,
    stored,
    until,
    wrong_files,
)

_SMALL, _LARGE = content_of(100_000), content_of(1_000_000, seed=2)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _remove(path: Path) -> None:
    path.unlink()


_ANY: list[Callable[[Path], None]] = [_truncate, _empty, _grow, _remove]
_SAME_SIZE: list[Callable[[Path], None]] = [_flip, _zero]


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(kind, damage) for kind in ("manifest", "small blob") for damage in _ANY + _SAME_SIZE]
    + [("large blob", damage) for damage in _ANY],
)
async def test_a_spoiled_file(tmp_path: Path, kind: str, damage: Callable[[Path], None]) -> None:
    """Small content is seen by its hash and large by its size: offline a clear error, online one new download."""
    content = {"manifest": manifest_of(), "small blob": _SMALL, "large blob": _LARGE}[kind]
    data_dir = tmp_path / "data"
    async with FakeRegistry() as upstream:
        if kind == "manifest":
            digest = upstream.add_manifest(REPOSITORY, content, MANIFEST_TYPE)
            target = f"/v2/test/{REPOSITORY}/manifests/{digest}"
        else:
            digest = upstream.add_blob(REPOSITORY, content)
            target = blob(digest)
        settings = source(upstream.url)
        async with running(data_dir, settings, clock=ImpatientClock()) as proxy:
            assert await outcome(proxy.url, target, content) == "right"
        damage(stored(data_dir, digest))
        upstream.clear()
        async with running(data_dir, settings, cache={"offline": True}) as proxy:
            assert await outcome(proxy.url, target, content) == "error 504"
        assert upstream.requests == []
        async with running(data_dir, settings, clock=ImpatientClock()) as proxy:
            assert await outcome(proxy.url, target, content) == "right"
            assert await outcome(proxy.url, target, content) == "right"
        assert upstream.count() == 1
    assert wrong_files(data_dir) == []
    async with running(data_dir, settings, cache={"offline": True}) as proxy:
        assert await outcome(proxy.url, target, content) == "right"


async def test_a_reader_of_a_file_that_shrinks_gets_no_complete_answer(tmp_path: Path) -> None:
    """A stored blob truncated before it is sent, its size still as recorded, ends short or is fetched again."""
    data_dir = tmp_path / "data"
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _LARGE)
        async with running(data_dir, source(upstream.url), clock=ImpatientClock()) as proxy:
            assert await outcome(proxy.url, blob(digest), _LARGE) == "right"
            await until(stored(data_dir, digest).exists)
            stored(data_dir, digest).write_bytes(_LARGE[:300_000])
            assert await outcome(proxy.url, blob(digest), _LARGE) == "right"
            assert upstream.count("GET") == 2
