"""The view: an SQLite listing of the entries, for questions that name no single key.

It can always be made anew from the entry files, and says of itself whether it was closed in order. If not, or
if SQLite finds it damaged, it is rebuilt in the background while everything is served.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from proxy.core.entries import Key, Record

_SCHEMA = """
CREATE TABLE names (
    source_type TEXT, base TEXT, kind TEXT, name TEXT, reference TEXT,
    PRIMARY KEY (source_type, base, kind, name, reference)
) WITHOUT ROWID;
"""
# Kept in SQLite's user_version, and raised with the schema: another number means "rebuild".
_IN_USE, _CLOSED_IN_ORDER = 10, 11
_FLUSH_AFTER = 1.0
_BATCH = 500

_logger = logging.getLogger(__name__)
T = TypeVar("T")


class View:
    """Lists names held. All SQLite work happens in one thread; notes are written in batches, once a second."""

    def __init__(self, path: Path, records: Callable[[], Iterator[Record]]) -> None:
        self._path = path
        self._records = records
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="view")
        self._connection: sqlite3.Connection | None = None
        self._pending: dict[Key, bool] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the listing; where it cannot be trusted, begin to rebuild it."""
        if not await self._run(self._connect):
            self._own(self._rebuild())

    def note(self, record: Record) -> None:
        """Take up that a record was saved, or removed if it is empty."""
        self._pending[record.key] = bool(record.entries)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_AFTER, self._begin_flush)

    async def references(self, scope: Key) -> tuple[str, ...]:
        """The references held of one name, whatever `scope.reference` says, in lexical order."""
        self._begin_flush()
        nothing: tuple[str, ...] = ()
        return await self._attempt(lambda connection: _select(connection, scope), nothing)

    async def settled(self) -> None:
        """Wait until a rebuild and all notes so far are done."""
        self._begin_flush()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Write what is pending and mark the listing as closed in order."""
        await self.settled()
        await self._attempt(lambda connection: _mark(connection, _CLOSED_IN_ORDER), None)
        await self._run(self._disconnect)
        self._thread.shutdown()

    def _begin_flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            notes, self._pending = self._pending, {}
            self._own(self._attempt(lambda connection: _write(connection, notes.items()), None))

    async def _rebuild(self) -> None:
        """In batches, so that questions and notes get their turn in between."""
        _logger.info("the listing of cached names is being rebuilt")
        await self._run(self._recreate)
        records = self._records()
        while keys := await self._run(lambda: [record.key for record in islice(records, _BATCH)]):
            await self._attempt(partial(_write, notes=[(key, True) for key in keys]), None)

    async def _attempt(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Work on the listing; damage starts a rebuild and never reaches a client."""

        def attempt() -> T:
            if self._connection is None:
                return otherwise
            return work(self._connection)

        try:
            return await self._run(attempt)
        except sqlite3.Error as damaged:
            _logger.warning("the listing of cached names is damaged (%s)", damaged)
            await self._run(self._disconnect)
            self._own(self._rebuild())
            return otherwise

    def _own(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _connect(self) -> bool:
        try:
            self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            (state,) = self._connection.execute("PRAGMA user_version").fetchone()
            if state != _CLOSED_IN_ORDER:
                return False
            _mark(self._connection, _IN_USE)
        except sqlite3.Error:
            return False
        return True

    def _recreate(self) -> None:
        self._disconnect()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._connect()
        if self._connection is not None:
            self._connection.executescript(_SCHEMA)
            _mark(self._connection, _IN_USE)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _mark(connection: sqlite3.Connection, state: int) -> None:
    connection.execute(f"PRAGMA user_version = {state:d}")


def _select(connection: sqlite3.Connection, scope: Key) -> tuple[str, ...]:
    query = (
        "SELECT reference FROM names WHERE source_type = ? AND base = ? AND kind = ? AND name = ? ORDER BY reference"
    )
    return tuple(reference for (reference,) in connection.execute(query, scope[:4]))


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
