"""The table of fills: one for a digest, owned to its end, whatever that end is."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from cache.bench import Bench, open_files, until
from cache.supplies import FailingContent, Gate, HonestSupply, Scripted, ScriptedSupply

from proxy.cache.fills import Fills
from proxy.core.digest import Digest
from proxy.core.errors import SourceBroken, SourceUnreachable

_CONTENT = random.Random(5).randbytes(1 << 20)
_DIGEST = Digest.of(_CONTENT)


async def _ignore(size: int) -> None:
    assert size == len(_CONTENT)


async def test_a_fill_is_found_until_it_is_recorded(bench: Bench) -> None:
    """Who asks before the entry is written still finds the fill, so nobody downloads in between."""
    fills = Fills()
    recorded = asyncio.Event()
    fill = bench.fill(_DIGEST, HonestSupply(_CONTENT))
    read = bytearray()

    async def record(size: int) -> None:
        assert fills.get(_DIGEST) is fill
        assert bench.content.holds(_DIGEST, size)
        live = fill.follow()
        async for piece in live.read(0, None):
            read.extend(piece)
        live.close()
        recorded.set()

    fills.start(fill, record)
    assert fills.get(_DIGEST) is fill
    await recorded.wait()
    await until(lambda: fills.get(_DIGEST) is None)
    assert bytes(read) == _CONTENT
    assert [path for path in open_files(bench.folder) if "/run/" not in path] == []
    await fills.close()


async def test_a_failed_fill_is_not_joined(bench: Bench) -> None:
    """After a failure the next request starts anew, and gets the content once the old file is let go."""
    fills = Fills()
    wrong = bench.fill(_DIGEST, ScriptedSupply(Scripted((b"wrong",), 5)))
    fills.start(wrong, _ignore)
    with pytest.raises(SourceBroken):
        await wrong.progress.verified()
    assert fills.get(_DIGEST) is None
    right = bench.fill(_DIGEST, HonestSupply(_CONTENT))
    fills.start(right, _ignore)
    assert await right.progress.verified() == len(_CONTENT)
    await until(lambda: bench.content.holds(_DIGEST))
    await fills.close()


async def test_closing_stops_and_keeps(bench: Bench) -> None:
    """Downloads under way end, their followers hear of it, their bytes stay, and nothing is left running or open."""
    fills, gate = Fills(), Gate()
    fill = bench.fill(_DIGEST, ScriptedSupply(Scripted((_CONTENT[:1000], gate), len(_CONTENT))))
    live = fill.follow()
    fills.start(fill, _ignore)
    await gate.reached.wait()
    await fills.close()
    with pytest.raises(SourceUnreachable, match="stopped"):
        await fill.progress.verified()
    live.close()
    assert [path.read_bytes() for path in bench.partials] == [_CONTENT[:1000]]
    assert [path for path in open_files(bench.folder) if "/run/" not in path] == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_verified_is_still_published(bench: Bench) -> None:
    """A client that has the whole content finds it again after an end in that very moment, entry included."""
    for _ in range(5):
        fills, recorded = Fills(), list[int]()

        async def record(size: int, recorded: list[int] = recorded) -> None:
            recorded.append(size)

        fill = bench.fill(_DIGEST, HonestSupply(_CONTENT))
        fills.start(fill, record)
        await fill.progress.verified()
        await fills.close()
        assert recorded == [len(_CONTENT)]
        body = await bench.content.open(_DIGEST, len(_CONTENT))
        assert body is not None
        body.close()


async def test_closing_reaches_fills_that_have_not_begun(bench: Bench) -> None:
    """Also who follows a fill whose first step never ran, or that waits for an older one, is told."""
    fills, gate = Fills(), Gate()
    failing = bench.fill(_DIGEST, ScriptedSupply(Scripted((b"1", gate, b"2" * 100), 3)))
    fills.start(failing, _ignore)
    await gate.reached.wait()
    gate.opened.set()
    with pytest.raises(SourceBroken):
        await failing.progress.verified()
    waiting = bench.fill(_DIGEST, HonestSupply(_CONTENT))
    fills.start(waiting, _ignore)
    other = bench.fill(Digest.of(b"other"), HonestSupply(b"other"))
    fills.start(other, _ignore)
    await fills.close()
    for fill in (waiting, other):
        with pytest.raises(SourceUnreachable):
            await fill.progress.verified()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_disk_that_refuses_is_said_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Ten downloads on a full disk are one line; after one that was kept, the next refusal is said again."""
    fills = Fills()
    failing = FailingContent(bench.content, fail_at=1000)

    async def download(seed: int) -> None:
        content = random.Random(seed).randbytes(5000)

        async def record(size: int) -> None:
            assert size == len(content)

        fill = bench.fill(Digest.of(content), HonestSupply(content), content=failing)
        fills.start(fill, record)
        await until(lambda: fill.digest not in fills._live)

    for seed in range(10):
        await download(seed)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "not kept" in caplog.text
    failing.fail_at = None
    await download(11)
    failing.fail_at = "open"
    await download(12)
    await download(13)
    assert len(caplog.records) == 2
    await fills.close()


async def test_a_fill_that_dies_of_a_mistake_is_logged_and_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that nobody thought of reaches followers as an error and the log with its traceback."""
    fills = Fills()
    fill = bench.fill(_DIGEST, ScriptedSupply(Scripted((b"1", RuntimeError("a mistake")), 100)))
    live = fill.follow()
    fills.start(fill, _ignore)
    with pytest.raises(SourceUnreachable):
        await fill.progress.verified()
    live.close()
    await until(lambda: fills.get(_DIGEST) is None and "a mistake" in caplog.text)
    assert caplog.records[0].exc_info is not None
    await fills.close()
