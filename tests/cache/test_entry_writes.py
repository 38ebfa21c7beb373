"""Writes of one name at the same time: the file ends up as memory is. And no file is too large to be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from cache.bench import Bench

from proxy.cache.disk import Disk
from proxy.cache.entries import EntryStore, walk
from proxy.cache.view import View
from proxy.core.accept import OCI_MANIFEST, Accepts
from proxy.core.digest import Digest
from proxy.core.entries import Entry, Key, Record
from proxy.core.errors import StorageFailed

T = TypeVar("T")
_KEY = Key("oci", "https://registry.test", "tag", "app", "v1")


class _Backwards(Disk):
    """A disk whose threads take up work in the reverse order, once they are let."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[Callable[[], None]] = []

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def act() -> None:
            try:
                future.set_result(work())
            except StorageFailed as failed:
                future.set_exception(failed)

        self._held.append(act)
        return future

    def let(self) -> None:
        """Do what was begun, the last first."""
        while self._held:
            self._held.pop()()


def _record(number: int) -> Record:
    return Record(_KEY, (Entry(Digest.of(b"%d" % number), 7, OCI_MANIFEST, float(number), "test"),))


def _store(bench: Bench, disk: Disk) -> tuple[EntryStore, View]:
    view = View(bench.folder / "index.sqlite3", lambda: walk(bench.folder))
    return EntryStore(bench.folder, disk, view), view


def _on_disk(bench: Bench) -> list[Record]:
    return list(walk(bench.folder))


async def test_the_last_save_wins(bench: Bench) -> None:
    """Two saves whose writes are done in the wrong order leave the newer record on disk."""
    disk = _Backwards()
    store, _ = _store(bench, disk)
    saves = [asyncio.ensure_future(store.save(_record(number))) for number in (1, 2)]
    await asyncio.sleep(0)
    disk.let()
    await asyncio.gather(*saves)
    assert _on_disk(bench) == [_record(2)]
    disk.close()


@pytest.mark.parametrize("removed_last", [True, False])
async def test_save_and_remove(bench: Bench, removed_last: bool) -> None:
    """Of a save and a removal the later one holds, whatever order the disk takes them in."""
    disk = _Backwards()
    store, _ = _store(bench, disk)
    calls = [store.save(_record(1)), store.remove(_KEY)]
    tasks = [asyncio.ensure_future(call) for call in (calls if removed_last else calls[::-1])]
    await asyncio.sleep(0)
    disk.let()
    await asyncio.gather(*tasks)
    assert _on_disk(bench) == ([] if removed_last else [_record(1)])
    disk.close()


async def test_who_leaves_takes_no_write_along(bench: Bench) -> None:
    """A caller that is cancelled while writes are under way does not keep the newest record from the disk."""
    disk = _Backwards()
    store, _ = _store(bench, disk)
    saves = [asyncio.ensure_future(store.save(_record(number))) for number in (1, 2)]
    await asyncio.sleep(0)
    saves[1].cancel()
    await asyncio.sleep(0)
    disk.let()
    await asyncio.wait(saves)
    assert saves[1].cancelled()
    assert _on_disk(bench) == [_record(2)] == [await store.load(_KEY)]
    disk.close()


async def test_many_writes_in_real_threads(bench: Bench) -> None:
    """Hundreds of saves and removals at once leave file, memory and listing saying the same."""
    store, view = _store(bench, bench.disk)
    await view.open()
    for last in range(20):
        writes = [store.remove(_KEY) if n % 3 == last % 3 else store.save(_record(n)) for n in range(30 + last)]
        await asyncio.gather(*writes)
        newest = await store.load(_KEY)
        assert _on_disk(bench) == ([newest] if newest.entries else [])
        assert await view.references(_KEY) == (("v1",) if newest.entries else ())
    await view.close()


async def test_every_caller_hears_of_a_refusal(bench: Bench) -> None:
    """With the folder gone each of the saves under way fails, and none stays behind."""
    store, _ = _store(bench, bench.disk)
    bench.folder.rename(bench.folder.with_name("away"))
    outcomes = await asyncio.gather(*(store.save(_record(n)) for n in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageFailed] * 5
    bench.folder.with_name("away").rename(bench.folder)
    await store.save(_record(9))
    assert _on_disk(bench) == [_record(9)]


async def test_a_long_etag_is_not_kept(bench: Bench) -> None:
    """An ETag of more than 1 KiB is left out, and the answer kept without it."""
    store, _ = _store(bench, bench.disk)
    base = {"size": 7, "media_type": OCI_MANIFEST, "fetched": 1.0, "source": "test"}
    short = Entry(Digest.of(b"1"), **base, etag="x" * 1024)  # type: ignore[arg-type]  # one mapping for both
    long = Entry(Digest.of(b"2"), **base, etag="x" * 1025)  # type: ignore[arg-type]  # one mapping for both
    await store.save(Record(_KEY, (short, long)))
    (found,) = _on_disk(bench)
    assert [entry.etag for entry in found.entries] == ["x" * 1024, None]
    assert await store.load(_KEY) == found


async def test_a_record_that_is_too_large_loses_its_oldest(bench: Bench) -> None:
    """Whatever was saved can be read again: the newest answers of it, as many as fit."""
    store, _ = _store(bench, bench.disk)
    asked = Accepts(frozenset(f"application/{number:0240}" for number in range(24)), anything=False)
    entries = tuple(
        Entry(Digest.of(b"%d" % n), 7, OCI_MANIFEST, float(-n), "test", etag="\u00e9" * 1024, asked=asked)
        for n in range(8)
    )
    await store.save(Record(_KEY, entries))
    (found,) = _on_disk(bench)
    assert 1 <= len(found.entries) < 8
    assert found.entries == entries[: len(found.entries)]
    assert await store.load(_KEY) == found
