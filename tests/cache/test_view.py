"""The view (invariant 10): whatever happens to its file, the listing is right after a rebuild in the background."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cache.bench import Bench

from proxy.cache.entries import EntryStore, walk
from proxy.cache.view import View
from proxy.core.digest import Digest
from proxy.core.entries import Entry, Key, Record

_SCOPE = Key("oci", "https://registry.test", "tag", "app", "")
_OTHER = _SCOPE._replace(name="other")
_TAGS = tuple(sorted(f"v{number}" for number in range(300)))


def _record(tag: str, scope: Key = _SCOPE) -> Record:
    return Record(scope._replace(reference=tag), (Entry(Digest.of(tag.encode()), 1, "type", 1.0, "test"),))


def _view(bench: Bench) -> View:
    return View(bench.folder / "index.sqlite3", lambda: walk(bench.folder))


async def _filled(bench: Bench) -> View:
    """An open view over 300 tags of one name and one of another."""
    view = _view(bench)
    await view.open()
    await view.settled()
    entries = EntryStore(bench.folder, bench.disk, view)
    for tag in _TAGS:
        await entries.save(_record(tag))
    await entries.save(_record("elsewhere", _OTHER))
    return view


async def test_names_are_listed_by_scope_in_order(bench: Bench) -> None:
    """Only the asked name's references come, at once after they were saved, and go when they are removed."""
    view = await _filled(bench)
    assert await view.references(_SCOPE) == _TAGS
    assert await view.references(_OTHER) == ("elsewhere",)
    entries = EntryStore(bench.folder, bench.disk, view)
    for tag in _TAGS[10:]:
        await entries.remove(_SCOPE._replace(reference=tag))
    assert await view.references(_SCOPE) == _TAGS[:10]
    await view.close()


async def test_an_orderly_end_needs_no_rebuild(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """What was closed in order is trusted: the listing is there with the files' folder not even read."""
    view = await _filled(bench)
    await view.close()

    def unread() -> Iterator[Record]:
        raise AssertionError("the entries were walked")

    caplog.set_level("INFO")
    again = View(bench.folder / "index.sqlite3", unread)
    await again.open()
    assert await again.references(_SCOPE) == _TAGS
    await again.close()
    assert "rebuilt" not in caplog.text


def _delete(path: Path) -> None:
    path.unlink()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(50_000))


def _other_database(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE names (source_type TEXT, wrong TEXT)")
    connection.close()


def _directory(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def _rollback_journal(path: Path) -> None:
    path.with_name(path.name + "-journal").write_bytes(random.Random(2).randbytes(5000))


def _forgets_a_row(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM names WHERE reference = 'v7'")
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [_delete, _truncate, _empty, _garbage, _other_database, _directory, _rollback_journal, _forgets_a_row],
)
async def test_a_damaged_file_is_rebuilt(bench: Bench, damage: Callable[[Path], None]) -> None:
    """Whatever stands in the listing's place at the start, all names are listed soon after, and kept from then on."""
    await (await _filled(bench)).close()
    damage(bench.folder / "index.sqlite3")
    view = _view(bench)
    await view.open()
    await view.settled()
    assert await view.references(_SCOPE) == _TAGS
    await view.close()
    again = _view(bench)
    await again.open()
    assert await again.references(_SCOPE) == _TAGS
    await again.close()


@pytest.mark.parametrize("seed", range(20))
async def test_a_flipped_bit_is_never_believed(bench: Bench, seed: int) -> None:
    """SQLite has no checksums of its own: ours finds a bit turned over anywhere, so no wrong name is listed."""
    await (await _filled(bench)).close()
    path = bench.folder / "index.sqlite3"
    content = bytearray(path.read_bytes())
    place = random.Random(seed)
    content[place.randrange(len(content))] ^= 1 << place.randrange(8)
    path.write_bytes(content)
    view = _view(bench)
    await view.open()
    await view.settled()
    assert await view.references(_SCOPE) == _TAGS
    await view.close()


@pytest.mark.parametrize("also", [None, "-wal", "-shm", "-journal"])
async def test_a_killed_process_leaves_nothing_that_is_trusted(bench: Bench, also: str | None) -> None:
    """Without an orderly end everything is read from the files, also when a journal was removed meanwhile."""
    await (await _filled(bench)).close()
    killed = _view(bench)
    await killed.open()
    entries = EntryStore(bench.folder, bench.disk, killed)
    await entries.save(_record("zz-last"))
    assert "zz-last" in await killed.references(_SCOPE)
    if also is not None:
        path = bench.folder / f"index.sqlite3{also}"
        path.unlink(missing_ok=True)
    view = _view(bench)
    await view.open()
    await view.settled()
    assert await view.references(_SCOPE) == (*_TAGS, "zz-last")
    await view.close()
    await killed.close()


async def test_damage_while_running_never_reaches_a_client(bench: Bench) -> None:
    """A file overwritten under us lists nothing or all, without an error, and everything once it is rebuilt."""
    view = await _filled(bench)
    await view.references(_SCOPE)
    path = bench.folder / "index.sqlite3"
    path.write_bytes(b"garbage" * 3000)
    for _ in range(3):
        assert await view.references(_SCOPE) in {(), _TAGS}
    entries = EntryStore(bench.folder, bench.disk, view)
    await entries.save(_record("zz-late"))
    await view.settled()
    await view.references(_SCOPE)
    await view.settled()
    assert await view.references(_SCOPE) == (*_TAGS, "zz-late")
    await view.close()


async def test_questions_and_notes_get_their_turn_during_a_rebuild(bench: Bench) -> None:
    """While the files are read, names can be asked for, and what is saved or removed then is right at the end."""
    await (await _filled(bench)).close()
    (bench.folder / "index.sqlite3").unlink()
    halfway, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[Record]:
        for number, record in enumerate(walk(bench.folder)):
            if number == 100:
                halfway.set()
                go_on.wait()
            yield record

    view = View(bench.folder / "index.sqlite3", slowly)
    await view.open()
    await asyncio.to_thread(halfway.wait)
    entries = EntryStore(bench.folder, bench.disk, view)
    await entries.save(_record("zz-new"))
    removed = [asyncio.ensure_future(entries.remove(_SCOPE._replace(reference=tag))) for tag in _TAGS[:50]]
    asked = asyncio.ensure_future(view.references(_SCOPE))
    await asyncio.gather(*removed)
    go_on.set()
    assert set(await asked) <= {*_TAGS, "zz-new"}
    await view.settled()
    assert await view.references(_SCOPE) == (*_TAGS[50:], "zz-new")
    await view.close()


async def test_an_end_does_not_wait_for_a_rebuild(bench: Bench) -> None:
    """Closing stops a rebuild between two batches, and the next start begins it anew."""
    await (await _filled(bench)).close()
    (bench.folder / "index.sqlite3").unlink()
    passed: list[Record] = []

    def endless() -> Iterator[Record]:
        while True:
            for record in walk(bench.folder):
                passed.append(record)
                yield record

    view = View(bench.folder / "index.sqlite3", endless)
    await view.open()
    await view.close()
    again = _view(bench)
    await again.open()
    await again.settled()
    assert await again.references(_SCOPE) == _TAGS
    await again.close()


async def test_a_rebuild_that_cannot_be_made_is_said_and_tried_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """With the folder gone nothing is listed and nothing spins; once it is back, the next question brings it back."""
    view = await _filled(bench)
    away = bench.folder.with_name("away")
    bench.folder.rename(away)
    (away / "index.sqlite3").write_bytes(b"garbage" * 3000)
    assert await view.references(_SCOPE) in {(), _TAGS}
    await view.settled()
    await view.references(_SCOPE)
    await view.settled()
    assert await view.references(_SCOPE) in {(), _TAGS}
    await view.settled()
    assert len(caplog.records) <= 6
    away.rename(bench.folder)
    await view.references(_SCOPE)
    await view.settled()
    assert await view.references(_SCOPE) == _TAGS
    await view.close()


async def test_a_new_folder_is_not_rebuilt(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing was listed or held yet, nothing is said; entries without a listing are said."""
    caplog.set_level("INFO")
    view = await _filled(bench)
    assert "rebuilt" not in caplog.text
    await view.close()
    (bench.folder / "index.sqlite3").unlink()
    again = _view(bench)
    await again.open()
    await again.settled()
    assert caplog.text.count("is being rebuilt") == 1
    await again.close()
