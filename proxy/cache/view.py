"""The view: an SQLite listing of the entries, for questions that name no single key.

It can always be made anew from the entry files, and so it needs no journal: an orderly end leaves a seal beside it,
the hash of its file. Without the right seal, or when SQLite finds damage, it is rebuilt in the background while
everything is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from proxy.cache.files import open_regular, remove
from proxy.core.digest import Digest
from proxy.core.entries import Key, Record

_SCHEMA = """
CREATE TABLE names (
    source_type TEXT, base TEXT, kind TEXT, name TEXT, reference TEXT,
    PRIMARY KEY (source_type, base, kind, name, reference)
) WITHOUT ROWID;
"""
_FLUSH_AFTER = 1.0
_BATCH = 500
_PIECE = 1024 * 1024
_JOURNALS = ("-journal", "-wal", "-shm")

_logger = logging.getLogger(__name__)
T = TypeVar("T")


class View:
    """Lists names held. All SQLite work happens in one thread; notes are written in batches, once a second."""

    def __init__(self, path: Path, records: Callable[[], Iterator[Record]]) -> None:
        self._path = path
        self._seal = path.with_name(path.name + "-seal")
        self._records = records
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="view")
        self._connection: sqlite3.Connection | None = None
        self._whole = False
        self._rebuilding: asyncio.Task[None] | None = None
        self._pending: dict[Key, bool] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the listing; where it cannot be trusted, begin to rebuild it."""
        if not await self._run(self._open_sealed):
            self._begin_rebuild()

    def note(self, record: Record) -> None:
        """Take up that a record was saved, or removed if it is empty."""
        self._pending[record.key] = bool(record.entries)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_AFTER, self._begin_flush)

    async def references(self, scope: Key) -> tuple[str, ...]:
        """The references held of one name, whatever `scope.reference` says, in lexical order."""
        nothing: tuple[str, ...] = ()
        return await self._ask(lambda connection: _select(connection, scope), nothing)

    async def names(self, source_type: str, kinds: Collection[str]) -> tuple[tuple[str, str], ...]:
        """The address and name of everything of which one of the kinds is held, in one type of source."""
        nothing: tuple[tuple[str, str], ...] = ()
        return await self._ask(lambda connection: _select_names(connection, source_type, kinds), nothing)

    async def settled(self) -> None:
        """Wait until a rebuild and all notes so far are done."""
        self._begin_flush()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Write what is pending and seal the listing.

        A rebuild under way is stopped: the next start begins it anew.
        """
        if self._rebuilding is not None:
            self._rebuilding.cancel()
        await self.settled()
        await self._run(self._close_sealed)
        self._thread.shutdown()

    def _begin_flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            notes, self._pending = self._pending, {}
            self._own(self._attempt(lambda connection: _write(connection, notes.items()), None))

    def _begin_rebuild(self) -> None:
        if self._rebuilding is None or self._rebuilding.done():
            self._rebuilding = self._own(self._rebuild())

    async def _rebuild(self) -> None:
        """In batches, so that questions and notes get their turn in between."""
        records = self._records()
        try:
            replaced = await self._run(self._recreate)
            more = await self._run(lambda: self._take_up(records))
            if replaced or more:
                _logger.info("the listing of cached names is being rebuilt")
            while more:
                more = await self._run(lambda: self._take_up(records))
        except (sqlite3.Error, OSError) as failed:
            _logger.warning("the listing of cached names cannot be rebuilt (%s)", failed)
            await self._run(self._disconnect)
        else:
            self._whole = True

    def _take_up(self, records: Iterator[Record]) -> bool:
        """One batch, read and written in one go: a note that a name is gone cannot come in between."""
        batch = [(record.key, True) for record in islice(records, _BATCH)]
        if self._connection is None:
            return False
        _write(self._connection, batch)
        return bool(batch)

    async def _ask(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Ask the listing, with all notes so far in it. One that could not be rebuilt is tried again."""
        self._begin_flush()
        if self._connection is None:
            self._begin_rebuild()
        return await self._attempt(work, otherwise)

    def _attempt(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> Coroutine[None, None, T]:
        """Work on the listing, begun at once: what is asked later is done later."""
        return self._outcome(
            self._begin(lambda: otherwise if self._connection is None else work(self._connection)), otherwise
        )

    async def _outcome(self, working: asyncio.Future[T], otherwise: T) -> T:
        """What work came to; damage starts a rebuild and never reaches a client."""
        try:
            return await working
        except sqlite3.Error as damaged:
            _logger.warning("the listing of cached names is damaged (%s)", damaged)
            self._whole = False
            self._begin_rebuild()
            return otherwise

    def _own(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._begin(work)

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open_sealed(self) -> bool:
        """Open what an orderly end left, and break its seal; whether that could be trusted."""
        try:
            seal = _read_start(self._seal)
            self._seal.unlink()
            if seal != _fingerprint(self._path) or any(path.exists() for path in self._beside()):
                return False
            self._connect()
        except (sqlite3.Error, OSError):
            return False
        self._whole = True
        return True

    def _close_sealed(self) -> None:
        whole = self._whole and self._connection is not None
        self._disconnect()
        if whole:
            with contextlib.suppress(OSError):
                self._seal.write_bytes(_fingerprint(self._path))

    def _recreate(self) -> bool:
        """Begin an empty listing; whether it takes the place of another."""
        self._disconnect()
        replaced = os.path.lexists(self._path)
        for path in (self._path, self._seal, *self._beside()):
            remove(path)
        self._connect().executescript(_SCHEMA)
        return replaced

    def _connect(self) -> sqlite3.Connection:
        self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = MEMORY")
        self._connection.execute("PRAGMA synchronous = OFF")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _beside(self) -> Iterator[Path]:
        return (self._path.with_name(self._path.name + suffix) for suffix in _JOURNALS)


def _fingerprint(path: Path) -> bytes:
    """The hash of the listing's file and of the schema it was made for."""
    hasher = Digest.hasher("sha256")
    hasher.update(_SCHEMA.encode())
    with open(open_regular(path), "rb") as file:  # noqa: PTH123 -- opened without following a link
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return hasher.hexdigest().encode()


def _read_start(path: Path) -> bytes:
    with open(open_regular(path), "rb") as file:  # noqa: PTH123 -- opened without following a link
        return file.read(_PIECE)


def _select(connection: sqlite3.Connection, scope: Key) -> tuple[str, ...]:
    query = (
        "SELECT reference FROM names WHERE source_type = ? AND base = ? AND kind = ? AND name = ? ORDER BY reference"
    )
    return tuple(reference for (reference,) in connection.execute(query, scope[:4]))


def _select_names(
    connection: sqlite3.Connection, source_type: str, kinds: Collection[str]
) -> tuple[tuple[str, str], ...]:
    query = "SELECT DISTINCT base, name, kind FROM names WHERE source_type = ?"
    rows = connection.execute(query, (source_type,))
    return tuple(dict.fromkeys((base, name) for base, name, kind in rows if kind in kinds))


def _write(connection: sqlite3.Connection, notes: Iterable[tuple[Key, bool]]) -> None:
    connection.execute("BEGIN")
    for key, held in notes:
        if held:
            connection.execute("INSERT OR IGNORE INTO names VALUES (?, ?, ?, ?, ?)", key)
        else:
            connection.execute(
                "DELETE FROM names WHERE source_type = ? AND base = ? AND kind = ? AND name = ? AND reference = ?",
                key,
            )
    connection.execute("COMMIT")
