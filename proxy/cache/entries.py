"""The entry store: one small file for each name, found by the hash of its key.

The files are the truth. Each holds its own checksum and its key; a torn, damaged or foreign one is a miss. They
are not synced: a lost entry is asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cachetools import LRUCache

from proxy.cache.disk import Disk
from proxy.cache.files import open_regular, put_in_place, remove, storing
from proxy.cache.view import View
from proxy.core.accept import Accepts
from proxy.core.digest import Digest
from proxy.core.entries import Entry, Key, Record

_MOST_IN_MEMORY = 20_000
_LARGEST_FILE = 64 * 1024
_LONGEST_ETAG = 1024
_WRITE_LOCKS = 64


@dataclass(slots=True)
class _Unwritten:
    """What the file of a key is to hold, and how many writes of it are under way."""

    record: Record
    writes: int = 0


class EntryStore:
    """Records by key: the recently used in memory, all of them in files.

    Writes of one key may come in any order out of the threads: each writes what is the newest when its turn comes.
    """

    def __init__(self, folder: Path, disk: Disk, view: View) -> None:
        self._folder = folder / "entries"
        # Beside unfinished downloads, where the next start sweeps up what a killed process was writing.
        self._temporaries = folder / "partial"
        self._disk = disk
        self._view = view
        self._recent: LRUCache[Key, Record] = LRUCache(_MOST_IN_MEMORY)
        self._unwritten: dict[Key, _Unwritten] = {}
        # Held by threads that write, never by the loop; keys share them, so that their number is bounded.
        self._turns = tuple(threading.Lock() for _ in range(_WRITE_LOCKS))

    async def load(self, key: Key) -> Record:
        """What is held for the key; an empty record for nothing."""
        recent = self._newest(key)
        if recent is not None:
            return recent
        path = self._path(key)
        read = await self._disk.run(lambda: _read(path))
        # Another request may have saved meanwhile: what is in memory is newer than what was read.
        found = self._newest(key)
        if found is None:
            found = read if read is not None and read.key == key else Record(key)
            self._recent[key] = found
        return found

    async def save(self, record: Record) -> None:
        """Keep a record; StorageFailed if the disk refuses, the record then serves from memory.

        An ETag that is too long is left out, and so are the oldest answers of a record that is too large to be read.
        """
        await self._put(_bounded(record))

    async def remove(self, key: Key) -> None:
        """Forget a name; its content stays."""
        await self._put(Record(key))

    async def _put(self, record: Record) -> None:
        key = record.key
        self._recent[key] = record
        unwritten = self._unwritten.setdefault(key, _Unwritten(record))
        unwritten.record = record
        unwritten.writes += 1
        try:
            await self._disk.run(lambda: self._write_newest(unwritten))
        finally:
            unwritten.writes -= 1
            if not unwritten.writes:
                del self._unwritten[key]
        # Not this record: those who wait for threads do not wake in the order of the writes.
        self._view.note(unwritten.record)

    def _newest(self, key: Key) -> Record | None:
        recent = self._recent.get(key)
        if recent is None and key in self._unwritten:
            return self._unwritten[key].record
        return recent

    def _write_newest(self, unwritten: _Unwritten) -> None:
        """Bring a key's file in line with what is the newest by now."""
        key = unwritten.record.key
        path = self._path(key)
        with self._turns[hash(key) % _WRITE_LOCKS]:
            record = unwritten.record
            if record.entries:
                self._write(path, encode(record))
            else:
                _remove(path)

    def _write(self, path: Path, content: bytes) -> None:
        temporary = self._temporaries / f"entry-{os.urandom(8).hex()}"
        with storing():
            try:
                temporary.write_bytes(content)
                put_in_place(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _path(self, key: Key) -> Path:
        hashed = key.hashed
        return self._folder / hashed[:2] / hashed


def walk(folder: Path) -> Iterator[Record]:
    """Every sound record in a data folder, in no order; for rebuilding what is derived from them."""
    for directory, _, names in os.walk(folder / "entries"):
        for name in names:
            record = _read(Path(directory, name))
            if record is not None:
                yield record


def _bounded(record: Record) -> Record:
    """The record as it can be kept; what cannot is asked for again."""
    entries = tuple(
        replace(entry, etag=None) if entry.etag is not None and len(entry.etag) > _LONGEST_ETAG else entry
        for entry in record.entries
    )
    bounded = Record(record.key, entries)
    while bounded.entries and len(encode(bounded)) > _LARGEST_FILE:
        bounded = Record(record.key, bounded.entries[:-1])
    return bounded


def encode(record: Record) -> bytes:
    """A record as file content: a checksum line and one line of JSON."""
    entries = [
        {
            "digest": str(entry.digest),
            "size": entry.size,
            "type": entry.media_type,
            "fetched": entry.fetched,
            "source": entry.source,
            "etag": entry.etag,
            "verified": entry.verified,
            "asked": sorted(entry.asked.types),
            "anything": entry.asked.anything,
        }
        for entry in record.entries
    ]
    body = json.dumps({"key": list(record.key), "entries": entries}, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(content: bytes) -> Record | None:
    """The record in a file's content, None if it is damaged in any way."""
    checksum, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != checksum:
        return None
    try:
        stored = json.loads(body)
        entries = tuple(
            Entry(
                digest=Digest.parse(entry["digest"]),
                size=None if entry["size"] is None else int(entry["size"]),
                media_type=str(entry["type"]),
                fetched=float(entry["fetched"]),
                source=str(entry["source"]),
                etag=None if entry["etag"] is None else str(entry["etag"]),
                verified=bool(entry["verified"]),
                asked=Accepts(frozenset(entry["asked"]), anything=bool(entry["anything"])),
            )
            for entry in stored["entries"]
        )
        return Record(Key(*stored["key"]), entries)
    except (ValueError, KeyError, TypeError):
        return None


def _read(path: Path) -> Record | None:
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    try:
        return decode(os.read(descriptor, _LARGEST_FILE))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    with storing():
        remove(path)
