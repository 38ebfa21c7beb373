"""A fill as its followers see it: bytes as they may leave, right or not at all."""

from __future__ import annotations

import asyncio
import random

import pytest
from cache.bench import Bench, open_files, until
from cache.supplies import FailingContent, Gate, HonestSupply, Scripted, ScriptedSupply

from proxy.cache.fill import Fill
from proxy.cache.follow import LiveBody
from proxy.cache.progress import HOLD_BACK
from proxy.core.digest import Digest
from proxy.core.errors import MoorageError, SourceBroken, SourceUnreachable, StorageFailed

_SIZES = [0, 1, HOLD_BACK - 1, HOLD_BACK, HOLD_BACK + 1, 3 * HOLD_BACK + 5]


def _content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


async def _read(live: LiveBody, start: int = 0, stop: int | None = None) -> tuple[bytes, MoorageError | None]:
    """What a follower gets, and what ended it early."""
    got = bytearray()
    try:
        async for piece in live.read(start, stop):
            got += piece
    except MoorageError as failed:
        return bytes(got), failed
    finally:
        live.close()
    return bytes(got), None


async def _followed(fill: Fill) -> tuple[bytes, MoorageError | None]:
    """Run a fill with one follower."""
    reading = asyncio.ensure_future(_read(fill.follow()))
    outcome = (await asyncio.gather(fill.run(), return_exceptions=True))[0]
    assert isinstance(outcome, int | MoorageError)
    fill.end()
    return await reading


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("told", [True, False])
async def test_followers_get_what_is_published(bench: Bench, size: int, told: bool) -> None:
    """Early, late and partial readers get the same right bytes; the content is held and nothing stays open."""
    content = _content(size)
    digest = Digest.of(content)
    middle = Gate()
    steps = (content[: size // 2], middle, content[size // 2 :])
    fill = bench.fill(digest, ScriptedSupply(Scripted(steps, size if told else None)))
    early = [asyncio.ensure_future(_read(fill.follow())) for _ in range(3)]
    running = asyncio.ensure_future(fill.run())
    await middle.reached.wait()
    late = asyncio.ensure_future(_read(fill.follow()))
    ranged = asyncio.ensure_future(_read(fill.follow(), size // 3, 2 * size // 3))
    middle.opened.set()
    assert await running == size
    for reader in (*early, late):
        assert await reader == (content, None)
    assert await ranged == (content[size // 3 : 2 * size // 3], None)
    assert await _read(fill.follow()) == (content, None), "as long as it can be joined, its file is open"
    fill.end()
    assert bench.content.holds(digest, size)
    assert bench.partials == []
    assert [path for path in open_files(bench.folder) if "/run/" not in path] == []


@pytest.mark.parametrize("size", _SIZES)
async def test_the_end_waits_for_the_hash(bench: Bench, size: int) -> None:
    """With every byte written and the hash not yet known, exactly the last min(256 KiB, size) have not left."""
    content = _content(size)
    end = Gate()
    fill = bench.fill(Digest.of(content), ScriptedSupply(Scripted((content, end), size)))
    live = fill.follow()
    got = bytearray()

    async def collect() -> None:
        async for piece in live.read(0, None):
            got.extend(piece)

    reading = asyncio.ensure_future(collect())
    running = asyncio.ensure_future(fill.run())
    await end.reached.wait()
    free = size - min(HOLD_BACK, size)
    await until(lambda: fill.progress.written == size and len(got) >= free)
    assert len(got) == fill.progress.ready == free
    end.opened.set()
    await asyncio.gather(running, reading)
    assert bytes(got) == content
    live.close()


async def test_a_range_before_the_held_part_ends_at_once(bench: Bench) -> None:
    """A reader of early bytes need not wait for the hash, nor for the rest of the download."""
    content = _content(3 * HOLD_BACK)
    gate = Gate()
    supply = ScriptedSupply(Scripted((content[: 2 * HOLD_BACK], gate, content[2 * HOLD_BACK :]), len(content)))
    fill = bench.fill(Digest.of(content), supply)
    running = asyncio.ensure_future(fill.run())
    assert await _read(fill.follow(), 1000, HOLD_BACK) == (content[1000:HOLD_BACK], None)
    assert not running.done()
    gate.opened.set()
    await running


@pytest.mark.parametrize("size", [1, HOLD_BACK, HOLD_BACK + 1, 3 * HOLD_BACK])
@pytest.mark.parametrize("told", [True, False])
async def test_a_wrong_hash_never_shows_the_last_bytes(bench: Bench, size: int, told: bool) -> None:
    """Whatever was flipped, a follower misses the held part and gets the error; nothing is stored or left."""
    content = _content(size)
    wrong = bytes((content[0] ^ 1,)) + content[1:]
    fill = bench.fill(Digest.of(content), ScriptedSupply(Scripted((wrong,), size if told else None)))
    got, failed = await _followed(fill)
    assert isinstance(failed, SourceBroken)
    assert str(Digest.of(wrong)) in failed.message
    assert str(Digest.of(content)) in failed.message
    assert len(got) <= size - min(HOLD_BACK, size)
    assert not bench.content.holds(Digest.of(content))
    assert bench.partials == []


@pytest.mark.parametrize("told", [True, False])
async def test_too_much_is_refused(bench: Bench, told: bool) -> None:
    """More bytes than the size or the limit allows end the fill; the reader's last bytes never come."""
    content = _content(3 * HOLD_BACK)
    supply = ScriptedSupply(Scripted((content, b"extra"), len(content) if told else None))
    got, failed = await _followed(bench.fill(Digest.of(content), supply, limit=len(content)))
    assert isinstance(failed, SourceBroken)
    assert len(got) < len(content)
    assert not bench.content.holds(Digest.of(content))


async def test_a_size_over_the_limit_is_refused_before_a_byte(bench: Bench) -> None:
    """An upstream that announces more than an object may have is not read."""
    got, failed = await _followed(bench.fill(Digest.of(b""), ScriptedSupply(Scripted((b"x" * 20,), 20)), limit=19))
    assert (got, type(failed)) == (b"", SourceBroken)


async def test_too_little_is_asked_for_again(bench: Bench) -> None:
    """A delivery that ends early is a cut: the rest is asked for, and the follower sees nothing of it."""
    content = _content(3 * HOLD_BACK)
    short = Scripted((content[: 2 * HOLD_BACK],), len(content))
    supply = ScriptedSupply(short, Scripted((content[2 * HOLD_BACK :],), len(content), 2 * HOLD_BACK))
    assert await _followed(bench.fill(Digest.of(content), supply)) == (content, None)
    assert supply.asked == [0, 2 * HOLD_BACK - 4096]


async def test_a_size_told_once_tells_a_later_cut(bench: Bench) -> None:
    """When only the first answer told the size, a later one that stops early is still known to be cut."""
    content = _content(3 * HOLD_BACK)
    thirds = [content[:HOLD_BACK], content[HOLD_BACK : 2 * HOLD_BACK], content[2 * HOLD_BACK :]]
    supply = ScriptedSupply(
        Scripted((thirds[0],), len(content)),
        Scripted((thirds[1],), None, HOLD_BACK),
        Scripted((thirds[2],), None, 2 * HOLD_BACK),
    )
    assert await _followed(bench.fill(Digest.of(content), supply)) == (content, None)


async def test_a_changed_size_is_refused(bench: Bench) -> None:
    """Two answers that disagree about the size are not put together."""
    content = _content(3 * HOLD_BACK)
    supply = ScriptedSupply(Scripted((content[:10],), len(content)), Scripted((content,), len(content) + 1))
    _, failed = await _followed(bench.fill(Digest.of(content), supply))
    assert isinstance(failed, SourceBroken)
    assert "changed the size" in failed.message


@pytest.mark.parametrize("offset", [0, 500, 999])
async def test_an_answer_that_starts_earlier_is_skipped_into(bench: Bench, offset: int) -> None:
    """An upstream without ranges sends the beginning again: it is passed over, in any pieces."""
    content = _content(2 * HOLD_BACK)
    again = tuple(content[start : start + 300] for start in range(offset, len(content), 300))
    supply = ScriptedSupply(
        Scripted((content[:1000], SourceUnreachable("cut")), len(content)), Scripted(again, len(content), offset)
    )
    assert await _followed(bench.fill(Digest.of(content), supply)) == (content, None)


@pytest.mark.parametrize("moved", [7, -7])
async def test_a_range_that_lies_is_seen(bench: Bench, moved: int) -> None:
    """Bytes from beside the asked place do not continue what is there: the whole is asked for, and is right."""
    content = _content(2 * HOLD_BACK)
    cut = Scripted((content[:100_000], SourceUnreachable("cut")), len(content))
    asked = 100_000 - 4096
    lie = Scripted((content[asked + moved :],), len(content), asked)
    supply = ScriptedSupply(cut, lie, Scripted((content,), len(content)))
    assert await _followed(bench.fill(Digest.of(content), supply)) == (content, None)
    assert supply.asked == [0, asked, 0]


async def test_a_whole_answer_that_differs_is_refused(bench: Bench) -> None:
    """When the beginning is not what it was before, either may be wrong: nothing of it stays."""
    content = _content(2 * HOLD_BACK)
    cut = Scripted((content[:100_000], SourceUnreachable("cut")), len(content))
    other = Scripted((b"other" + content[5:],), len(content), 0)
    _, failed = await _followed(bench.fill(Digest.of(content), ScriptedSupply(cut, other)))
    assert isinstance(failed, SourceBroken)
    assert "other bytes" in failed.message
    assert bench.partials == []


async def test_an_answer_that_starts_later_is_refused(bench: Bench) -> None:
    """A hole cannot be filled."""
    content = _content(HOLD_BACK)
    supply = ScriptedSupply(
        Scripted((content[:1000], SourceUnreachable("cut")), len(content)),
        Scripted((content[1001:],), len(content), 1001),
    )
    _, failed = await _followed(bench.fill(Digest.of(content), supply))
    assert isinstance(failed, SourceBroken)


async def test_a_slow_follower_slows_nobody(bench: Bench) -> None:
    """A reader that takes nothing until the end neither stops the fill nor the fast one, and then gets everything."""
    content = _content(6 * HOLD_BACK)
    fill = bench.fill(Digest.of(content), HonestSupply(content))
    slow = fill.follow()
    begun = slow.read(0, None)
    fast = asyncio.ensure_future(_read(fill.follow()))
    running = asyncio.ensure_future(fill.run())
    first = await anext(begun)
    assert await fast == (content, None)
    await running
    fill.end()
    rest = b"".join([bytes(piece) async for piece in begun])
    assert bytes(first) + rest == content
    assert any(digest in path for path in open_files(bench.folder) for digest in [Digest.of(content).hex])
    slow.close()
    slow.close()
    assert not any("/blobs/" in path for path in open_files(bench.folder))


@pytest.mark.parametrize("fail_at", ["open", 0, 5 * HOLD_BACK, "publish"])
async def test_a_disk_that_refuses_ends_the_fill_as_such(bench: Bench, fail_at: str | int) -> None:
    """Followers get StorageFailed, or the whole if only publishing failed; nothing is stored, left or open."""
    content = _content(6 * HOLD_BACK)
    failing = FailingContent(bench.content, fail_at=fail_at)
    got, failed = await _followed(bench.fill(Digest.of(content), HonestSupply(content), content=failing))
    if fail_at == "publish":
        assert (got, failed) == (content, None)
    else:
        assert isinstance(failed, StorageFailed)
        assert content.startswith(got)
    assert bench.partials == []
    assert not bench.content.holds(Digest.of(content))
    assert [path for path in open_files(bench.folder) if "/run/" not in path] == []


async def test_a_file_that_shrinks_under_a_reader_is_an_error(bench: Bench) -> None:
    """A partial that somebody truncates gives StorageFailed to its readers, never a quiet end."""
    content = _content(3 * HOLD_BACK)
    gate = Gate()
    supply = ScriptedSupply(Scripted((content[: 2 * HOLD_BACK], gate, content[2 * HOLD_BACK :]), len(content)))
    fill = bench.fill(Digest.of(content), supply)
    running = asyncio.ensure_future(fill.run())
    await gate.reached.wait()
    await fill.progress.readable(HOLD_BACK)
    bench.partials[0].write_bytes(b"")
    got, failed = await _read(fill.follow())
    assert (got, type(failed)) == (b"", StorageFailed)
    gate.opened.set()
    await running
