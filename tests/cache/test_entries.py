"""Entries: what was kept comes back the same, and anything damaged or foreign is a miss."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from cache.bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.disk import Disk
from proxy.cache.entries import EntryStore, decode, encode, walk
from proxy.cache.view import View
from proxy.core.accept import OCI_INDEX, OCI_MANIFEST, Accepts
from proxy.core.digest import Digest
from proxy.core.entries import Entry, Key, Record
from proxy.core.errors import StorageFailed

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_ENTRIES = st.builds(
    Entry,
    digest=st.binary(max_size=8).map(Digest.of),
    size=st.none() | st.integers(0, 1 << 62),
    media_type=_TEXT,
    fetched=st.floats(0, 1e12),
    source=_TEXT,
    etag=st.none() | _TEXT,
    asked=st.builds(Accepts, st.frozensets(_TEXT, max_size=3), anything=st.booleans()),
)
_RECORDS = st.builds(
    Record,
    st.tuples(_TEXT, _TEXT, _TEXT, _TEXT, _TEXT).map(lambda parts: Key(*parts)),
    st.lists(_ENTRIES, max_size=3).map(tuple),
)

_KEY = Key("oci", "https://registry.test", "tag", "app", "v1")
_ENTRY = Entry(Digest.of(b"content"), 7, OCI_MANIFEST, 1_800_000_000.0, "test")
_RECORD = Record(_KEY, (_ENTRY,))


@pytest.fixture
def entries(bench: Bench) -> EntryStore:
    """A store of entries with nothing in it."""
    return _store(bench)


def _store(bench: Bench) -> EntryStore:
    return EntryStore(bench.folder, bench.disk, View(bench.folder / "index.sqlite3", lambda: walk(bench.folder)))


def _file(bench: Bench, key: Key = _KEY) -> Path:
    return bench.folder / "entries" / key.hashed[:2] / key.hashed


@given(_RECORDS)
def test_a_record_comes_back_the_same(record: Record) -> None:
    """Whatever a record holds, reading its file content gives it back."""
    assert decode(encode(record)) == record


@given(_RECORDS, st.data())
def test_a_flipped_bit_is_a_miss(record: Record, data: st.DataObject) -> None:
    """One bit turned over anywhere in the file makes it unreadable, never another record."""
    content = bytearray(encode(record))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert decode(bytes(content)) is None


@given(_RECORDS, st.data())
def test_a_shortened_file_is_a_miss(record: Record, data: st.DataObject) -> None:
    """A file that was torn off anywhere is unreadable."""
    content = encode(record)
    assert decode(content[: data.draw(st.integers(0, len(content) - 1))]) is None


@given(st.binary(max_size=300))
def test_garbage_is_a_miss(content: bytes) -> None:
    """Any bytes can be read: they give nothing, and raise nothing."""
    assert decode(content) is None


async def test_what_was_saved_is_found_by_the_next_process(bench: Bench, entries: EntryStore) -> None:
    """A record survives in its file, in full."""
    await entries.save(_RECORD)
    assert await _store(bench).load(_KEY) == _RECORD


async def test_a_foreign_key_is_a_miss(bench: Bench, entries: EntryStore) -> None:
    """A sound file that lies under another name's hash does not answer for that name."""
    await entries.save(_RECORD)
    other = _KEY._replace(reference="v2")
    _file(bench, other).parent.mkdir(exist_ok=True)
    _file(bench).rename(_file(bench, other))
    assert await _store(bench).load(other) == Record(other)


async def test_a_removed_record_is_gone_for_the_next_process_too(bench: Bench, entries: EntryStore) -> None:
    """Removing takes the file along, and removing nothing is no mistake."""
    await entries.save(_RECORD)
    await entries.remove(_KEY)
    await entries.remove(_KEY)
    assert await entries.load(_KEY) == Record(_KEY)
    assert await _store(bench).load(_KEY) == Record(_KEY)


async def test_saving_replaces_the_file_and_leaves_nothing_beside_it(bench: Bench, entries: EntryStore) -> None:
    """An entry is written elsewhere and renamed: an open reader keeps the old content, and no temporary stays."""
    await entries.save(_RECORD)
    with _file(bench).open("rb") as reader:
        await entries.save(Record(_KEY, (_ENTRY, Entry(Digest.of(b"2"), 1, OCI_INDEX, 1.0, "test"))))
        assert decode(reader.read()) == _RECORD
    assert list(_file(bench).parent.iterdir()) == [_file(bench)]
    assert bench.partials == []


async def test_what_a_killed_process_was_writing_is_swept(bench: Bench, entries: EntryStore) -> None:
    """Temporaries of entries lie where the next start removes them."""
    os.link(__file__, bench.folder / "partial" / "put-0123456789abcdef")
    await entries.save(_RECORD)
    assert bench.content.sweep() == 1
    assert [record.key for record in walk(bench.folder)] == [_KEY]


@pytest.mark.parametrize("planted", ["fifo", "directory", "link", "dangling"])
async def test_what_is_not_a_file_is_a_miss(bench: Bench, planted: str) -> None:
    """A FIFO, directory or symbolic link in an entry's place is neither followed nor waited for."""
    path = _file(bench)
    path.parent.mkdir()
    target = bench.folder.parent / "elsewhere"
    match planted:
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "link":
            target.write_bytes(encode(_RECORD))
            path.symlink_to(target)
        case _:
            path.symlink_to(target)
    assert await _store(bench).load(_KEY) == Record(_KEY)
    assert list(walk(bench.folder)) == []


async def test_a_directory_in_an_entrys_place_gives_way(bench: Bench, entries: EntryStore) -> None:
    """What stands in the way of an entry is replaced, and removing removes it too."""
    (_file(bench) / "inside").mkdir(parents=True)
    await entries.save(_RECORD)
    assert await _store(bench).load(_KEY) == _RECORD
    _file(bench).unlink()
    (_file(bench) / "inside").mkdir(parents=True)
    await entries.remove(_KEY)
    assert not _file(bench).exists()


async def test_a_disk_that_refuses_is_said_and_the_record_serves_from_memory(bench: Bench) -> None:
    """With the folder gone, saving is StorageFailed; what was to be saved is answered all the same."""
    store = _store(bench)
    away = bench.folder.with_name("away")
    bench.folder.rename(away)
    with pytest.raises(StorageFailed):
        await store.save(_RECORD)
    assert not bench.folder.exists()
    assert await store.load(_KEY) == _RECORD
    away.rename(bench.folder)
    await store.save(_RECORD)
    assert await _store(bench).load(_KEY) == _RECORD


async def test_walking_passes_over_what_is_broken(bench: Bench, entries: EntryStore) -> None:
    """Damaged files and stray ones beside the folders do not end the walk over the sound ones."""
    keys = [_KEY._replace(reference=f"v{number}") for number in range(40)]
    for key in keys:
        await entries.save(Record(key, (_ENTRY,)))
    for key in keys[:5]:
        _file(bench, key).write_bytes(b"damaged")
    (bench.folder / "entries" / "00-stray").write_bytes(b"not a folder")
    assert {record.key for record in walk(bench.folder)} == set(keys[5:])


async def test_a_slow_read_does_not_undo_a_save(bench: Bench) -> None:
    """A record saved while another request still read the file stays in memory."""
    disk = Disk(threads=1)
    store = EntryStore(bench.folder, disk, View(bench.folder / "index.sqlite3", lambda: walk(bench.folder)))
    released = threading.Event()
    try:
        blocker = disk.start(released.wait)
        loading = asyncio.ensure_future(store.load(_KEY))
        saving = asyncio.ensure_future(store.save(_RECORD))
        await asyncio.sleep(0)
        released.set()
        assert await loading == _RECORD
        await saving
        await blocker
    finally:
        released.set()
        disk.close()
