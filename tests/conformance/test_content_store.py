"""One suite over every content store: content comes back whole and right, or not at all."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cache.bench import bench_in, open_files

from proxy.cache.bodies import FileBody, HeldBody
from proxy.cache.content import SMALL, ContentStore, DiskContent
from proxy.cache.partial import Partial
from proxy.core.digest import Digest
from proxy.core.errors import StorageFailed


@dataclass(frozen=True, slots=True)
class Stored:
    """A store under test: another look at the same content, and where a digest's bytes lie."""

    store: ContentStore
    again: Callable[[], ContentStore]
    path: Callable[[Digest], Path]
    partial_path: Callable[[Digest], Path]
    folder: Path


@pytest.fixture(params=["disk"])
def stored(tmp_path: Path) -> Iterator[Stored]:
    """Each store in turn, with nothing in it."""
    with bench_in(tmp_path / "data") as bench:
        yield Stored(
            bench.content,
            lambda: DiskContent(bench.folder, bench.disk),
            lambda digest: bench.folder / "blobs" / digest.algorithm / digest.hex[:2] / digest.hex,
            lambda digest: bench.folder / "partial" / f"{digest.algorithm}-{digest.hex}",
            bench.folder,
        )


def _content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


_SIZES = [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL + 17]


def _read(body: HeldBody | FileBody | None) -> bytes | None:
    if isinstance(body, FileBody):
        try:
            return os.pread(body.descriptor, body.size + 1, 0)
        finally:
            body.close()
    return None if body is None else body.content


async def _fill(partial: Partial, content: bytes) -> None:
    try:
        partial.append(content[partial.length :])
        partial.publish()
    finally:
        partial.close()


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_what_was_put_comes_back(stored: Stored, size: int, algorithm: str) -> None:
    """The same bytes, in this process and the next, by any size that is right or unknown."""
    content = _content(size)
    digest = Digest.of(content, algorithm)
    assert await stored.store.open(digest, size) is None
    assert not stored.store.holds(digest)
    await stored.store.put(digest, content)
    for store in (stored.store, stored.again()):
        assert _read(await store.open(digest, size)) == content
        assert _read(await store.open(digest, None)) == content
        assert store.holds(digest)
        assert store.holds(digest, size)


@pytest.mark.parametrize("size", _SIZES)
async def test_what_was_downloaded_comes_back(stored: Stored, size: int) -> None:
    """A published partial is content; before that it is not."""
    content = _content(size)
    digest = Digest.of(content)
    partial = await stored.store.partial(digest)
    assert not stored.store.holds(digest)
    await _fill(partial, content)
    assert _read(await stored.again().open(digest, size)) == content


async def test_a_download_is_taken_up_where_it_stopped(stored: Stored) -> None:
    """An unpublished partial is found by the next process."""
    content = _content(900_000)
    partial = await stored.store.partial(Digest.of(content))
    partial.append(content[:500_000])
    partial.close()
    again = await stored.again().partial(Digest.of(content))
    assert again.length == 500_000
    await _fill(again, content)
    assert _read(await stored.again().open(Digest.of(content), len(content))) == content


@pytest.mark.parametrize("size", [10, 3 * SMALL])
async def test_another_size_is_a_miss_that_harms_nothing(stored: Stored, size: int) -> None:
    """A source's lie about the size gets nothing, and does not take the right content from others."""
    content = _content(size)
    digest = Digest.of(content)
    await stored.store.put(digest, content)
    for store in (stored.again(), stored.store):
        for wrong in (0, size - 1, size + 1):
            assert await store.open(digest, wrong) is None
            assert not store.holds(digest, wrong)
        assert _read(await store.open(digest, size)) == content


@pytest.mark.parametrize("size", [1, SMALL])
async def test_a_flipped_bit_in_small_content_is_a_miss(stored: Stored, size: int) -> None:
    """Small content is hashed when it is read; what is wrong is removed and can be put again."""
    content = _content(size)
    digest = Digest.of(content)
    await stored.store.put(digest, content)
    damaged = bytearray(content)
    damaged[size // 2] ^= 1
    stored.path(digest).write_bytes(damaged)
    store = stored.again()
    assert await store.open(digest, size) is None
    assert not store.holds(digest)
    await store.put(digest, content)
    assert _read(await stored.again().open(digest, size)) == content


@pytest.mark.parametrize("length", [0, 1, SMALL, SMALL + 1, 3 * SMALL - 1, 3 * SMALL + 1])
async def test_large_content_of_a_wrong_length_is_a_miss(stored: Stored, length: int) -> None:
    """Truncated or grown content is seen by its length, and a new download takes its place."""
    content = _content(3 * SMALL)
    digest = Digest.of(content)
    await stored.store.put(digest, content)
    os.truncate(stored.path(digest), length)
    store = stored.again()
    assert await store.open(digest, len(content)) is None
    assert not store.holds(digest, len(content))
    await _fill(await store.partial(digest), content)
    assert _read(await store.open(digest, len(content))) == content


@pytest.mark.parametrize("planted", ["fifo", "link", "dangling", "directory"])
@pytest.mark.parametrize("size", [100, 3 * SMALL])
async def test_what_is_planted_as_content_is_a_miss_and_goes(stored: Stored, planted: str, size: int) -> None:
    """A FIFO, link or directory is never followed, never waited for, and never in the way of the right content."""
    content = _content(size)
    digest = Digest.of(content)
    elsewhere = stored.folder.parent / "elsewhere"
    _plant(planted, stored.path(digest), elsewhere, content)
    assert not stored.store.holds(digest)
    assert await stored.store.open(digest, size) is None
    assert not os.path.lexists(stored.path(digest))
    await stored.store.put(digest, content)
    assert _read(await stored.again().open(digest, size)) == content
    assert elsewhere.exists() == (planted == "link")


@pytest.mark.parametrize("planted", ["fifo", "link", "dangling", "directory"])
async def test_what_is_planted_as_a_download_is_replaced(stored: Stored, planted: str) -> None:
    """A planted partial is not written through: the content grows in a file of its own."""
    content = _content(3 * SMALL)
    digest = Digest.of(content)
    elsewhere = stored.folder.parent / "elsewhere"
    _plant(planted, stored.partial_path(digest), elsewhere, b"foreign")
    partial = await stored.store.partial(digest)
    assert partial.length == 0
    await _fill(partial, content)
    assert _read(await stored.again().open(digest, len(content))) == content
    if planted == "link":
        assert elsewhere.read_bytes() == b"foreign"


def _plant(what: str, path: Path, elsewhere: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    match what:
        case "fifo":
            os.mkfifo(path)
        case "link":
            elsewhere.write_bytes(content)
            path.symlink_to(elsewhere)
        case "dangling":
            path.symlink_to(elsewhere)
        case _:
            path.mkdir()
            (path / "inside").touch()


async def test_a_reader_keeps_its_content_when_the_name_goes(stored: Stored) -> None:
    """Content that was opened stays readable after its file was removed."""
    content = _content(3 * SMALL)
    digest = Digest.of(content)
    await stored.store.put(digest, content)
    body = await stored.store.open(digest, None)
    stored.path(digest).unlink()
    assert _read(body) == content


async def test_who_leaves_while_content_is_opened_leaves_nothing_open(stored: Stored) -> None:
    """Cancelled callers of `open` and `partial` give their files back."""
    content = _content(3 * SMALL)
    digest = Digest.of(content)
    await stored.store.put(digest, content)
    for _ in range(20):
        opening = asyncio.ensure_future(stored.store.open(digest, None))
        beginning = asyncio.ensure_future(stored.store.partial(digest))
        await asyncio.sleep(0)
        opening.cancel()
        beginning.cancel()
        ended = await asyncio.gather(opening, beginning, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in ended)
    blobs, partials = str(stored.folder / "blobs"), str(stored.folder / "partial")
    assert [path for path in open_files(stored.folder) if path.startswith((blobs, partials))] == []


async def test_a_store_that_cannot_write_says_so(stored: Stored) -> None:
    """With its folder gone, putting and downloading are StorageFailed and finding is a miss; then it recovers."""
    content = _content(100)
    digest = Digest.of(content)
    gone = stored.folder.with_name("away")
    stored.folder.rename(gone)
    with pytest.raises(StorageFailed):
        await stored.store.put(digest, content)
    with pytest.raises(StorageFailed):
        await stored.store.partial(digest)
    assert await stored.store.open(digest, None) is None
    gone.rename(stored.folder)
    await stored.store.put(digest, content)
    assert _read(await stored.again().open(digest, 100)) == content


def test_a_start_sweeps_what_nobody_can_resume(stored: Stored) -> None:
    """A day-old partial, temporaries and whatever was planted go; a fresh partial stays."""
    assert isinstance(stored.store, DiskContent)
    partials = stored.folder / "partial"
    fresh, old = f"sha256-{'a' * 64}", f"sha512-{'b' * 128}"
    for name in (fresh, old, "put-0011", "sha256-short", f"sha256-{'A' * 64}"):
        (partials / name).write_bytes(b"bytes")
    os.utime(partials / old, (time.time(), time.time() - 25 * 3600))
    os.mkfifo(partials / f"sha256-{'c' * 64}")
    (partials / f"sha256-{'d' * 64}").symlink_to(__file__)
    (partials / f"sha256-{'e' * 64}" / "deep").mkdir(parents=True)
    assert stored.store.sweep() == 7
    assert [path.name for path in partials.iterdir()] == [fresh]
    assert Path(__file__).exists()
