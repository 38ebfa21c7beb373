"""A fill and its source: broken downloads resume, in this process and the next, and never for ever."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from cache.bench import Bench
from cache.supplies import Gate, HonestSupply, Scripted, ScriptedSupply

from proxy.cache.fill import Abandoned
from proxy.core.digest import Digest
from proxy.core.errors import SourceBroken, SourceDenied, SourceMissing, SourceUnreachable
from proxy.core.retry import RetryRule

_MIB = 1 << 20
_OVERLAP = 4096
_CONTENT = random.Random(3).randbytes(5 * _MIB)
_DIGEST = Digest.of(_CONTENT)


async def test_each_cut_goes_on_where_it_stopped(bench: Bench) -> None:
    """As long as every answer brings at least a megabyte, a download is taken up as often as it takes."""
    supply = HonestSupply(_CONTENT, cut=_MIB + _OVERLAP)
    assert await bench.fill(_DIGEST, supply).run() == len(_CONTENT)
    assert supply.asked == [0, _MIB, 2 * _MIB, 3 * _MIB, 4 * _MIB]
    assert bench.content.holds(_DIGEST)


async def test_a_source_that_brings_a_byte_each_time_is_given_up(bench: Bench) -> None:
    """Answers of one byte count as failures in a row: three of them are enough. The bytes stay to be resumed."""
    supply = HonestSupply(_CONTENT, cut=_OVERLAP + 1)
    with pytest.raises(SourceUnreachable, match=f"stopped after {_OVERLAP + 3} of"):
        await bench.fill(_DIGEST, supply).run()
    assert supply.asked == [0, 1, 2]
    assert [path.read_bytes() for path in bench.partials] == [_CONTENT[: _OVERLAP + 3]]


async def test_real_progress_starts_the_count_anew(bench: Bench) -> None:
    """Two failures, a megabyte, two failures and the rest: that is not three in a row."""
    cut = SourceUnreachable("cut")
    supply = ScriptedSupply(
        cut,
        cut,
        Scripted((_CONTENT[:_MIB], cut), len(_CONTENT)),
        cut,
        Scripted((_CONTENT[_MIB:],), len(_CONTENT), _MIB),
    )
    assert await bench.fill(_DIGEST, supply).run() == len(_CONTENT)
    assert supply.asked == [0, 0, 0, _MIB - _OVERLAP, _MIB - _OVERLAP]


@pytest.mark.parametrize("refusal", [SourceMissing("gone"), SourceDenied("no"), SourceBroken("nonsense")])
async def test_what_asking_again_cannot_mend_is_asked_once(bench: Bench, refusal: Exception) -> None:
    """A refusal ends the fill at once and reaches its followers as it is."""
    supply = ScriptedSupply(refusal)
    fill = bench.fill(_DIGEST, supply)
    waiting = asyncio.ensure_future(fill.progress.headed())
    with pytest.raises(type(refusal)):
        await fill.run()
    with pytest.raises(type(refusal)):
        await waiting
    assert supply.asked == [0]


async def test_retries_pause_longer_each_time(bench: Bench) -> None:
    """Between attempts the clock is waited for: 0.2 and 0.4 seconds without jitter's share."""
    supply = ScriptedSupply(SourceUnreachable("down"))
    fill = replace(bench, retry=RetryRule()).fill(_DIGEST, supply)
    running = asyncio.ensure_future(fill.run())
    for pause in (0.2, 0.4):
        await bench.clock.waiting()
        asked = len(supply.asked)
        bench.clock.advance(pause - 0.01)
        await asyncio.sleep(0)
        assert len(supply.asked) == asked
        bench.clock.advance(0.011)
    with pytest.raises(SourceUnreachable):
        await running
    assert supply.asked == [0, 0, 0]


async def test_the_next_process_resumes(bench: Bench) -> None:
    """A download that was stopped is taken up by another fill, shortly before its end, and the whole is hashed."""
    gate = Gate()
    first = bench.fill(_DIGEST, ScriptedSupply(Scripted((_CONTENT[:_MIB], gate), len(_CONTENT))))
    running = asyncio.ensure_future(first.run())
    await gate.reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [path.read_bytes() for path in bench.partials] == [_CONTENT[:_MIB]]
    supply = HonestSupply(_CONTENT)
    assert await bench.fill(_DIGEST, supply).run() == len(_CONTENT)
    assert supply.asked == [_MIB - _OVERLAP]


async def test_a_left_over_that_lacks_nothing_is_completed(bench: Bench) -> None:
    """A partial that was written to its end still asks for a range that exists, and is published."""
    (bench.folder / "partial" / f"sha256-{_DIGEST.hex}").write_bytes(_CONTENT)
    supply = HonestSupply(_CONTENT)
    assert await bench.fill(_DIGEST, supply).run() == len(_CONTENT)
    assert supply.asked == [len(_CONTENT) - _OVERLAP]
    assert bench.content.holds(_DIGEST)


async def test_a_damaged_left_over_spoils_one_download_only(bench: Bench) -> None:
    """A partial with a wrong bit is found at the end, discarded, and the next download is right."""
    (bench.folder / "partial" / f"sha256-{_DIGEST.hex}").write_bytes(b"wrong" + _CONTENT[5:_MIB])
    with pytest.raises(SourceBroken):
        await bench.fill(_DIGEST, HonestSupply(_CONTENT)).run()
    assert bench.partials == []
    assert await bench.fill(_DIGEST, HonestSupply(_CONTENT)).run() == len(_CONTENT)


@pytest.mark.parametrize("size", [64 * _MIB + 2, None])
async def test_a_fill_nobody_wants_stops_after_ten_seconds(bench: Bench, size: int | None) -> None:
    """With more than 64 MiB to come (or an unknown rest), a fill without readers ends; what it has stays."""
    gates = (Gate(), Gate())
    supply = ScriptedSupply(Scripted((b"1", gates[0], b"2", gates[1], b"3"), size))
    fill = bench.fill(_DIGEST, supply)
    live = fill.follow()
    running = asyncio.ensure_future(fill.run())
    await gates[0].reached.wait()
    bench.clock.advance(100)
    live.close()
    bench.clock.advance(10)
    gates[0].opened.set()
    await gates[1].reached.wait()
    bench.clock.advance(0.1)
    gates[1].opened.set()
    with pytest.raises(SourceUnreachable if size == 64 * _MIB + 2 else Abandoned):
        await running
    assert [path.read_bytes()[:2] for path in bench.partials] == [b"12"]


@pytest.mark.parametrize(("size", "wanted"), [(64 * _MIB + 3, True), (64 * _MIB + 2, False), (1000, False)])
async def test_a_fill_is_given_up_only_when_much_remains(bench: Bench, size: int, wanted: bool) -> None:
    """After 10 s without a reader it depends on the rest alone; with a reader nothing ends it."""
    gate = Gate()
    fill = bench.fill(_DIGEST, ScriptedSupply(Scripted((b"1", gate, b"2"), size)))
    live = fill.follow() if wanted else None
    running = asyncio.ensure_future(fill.run())
    await gate.reached.wait()
    bench.clock.advance(10.5)
    gate.opened.set()
    with pytest.raises(SourceUnreachable, match="stopped after"):
        await running
    if live is not None:
        live.close()


async def test_who_comes_back_in_time_keeps_it_alive(bench: Bench) -> None:
    """Ten seconds are counted from the last reader's leaving, and a new one ends the count."""
    gates = (Gate(), Gate())
    supply = ScriptedSupply(Scripted((b"1", gates[0], b"2", gates[1], b"3"), 100 * _MIB))
    fill = bench.fill(_DIGEST, supply)
    running = asyncio.ensure_future(fill.run())
    await gates[0].reached.wait()
    bench.clock.advance(9)
    fill.follow().close()
    bench.clock.advance(9)
    gates[0].opened.set()
    await gates[1].reached.wait()
    bench.clock.advance(1.5)
    gates[1].opened.set()
    with pytest.raises(Abandoned):
        await running
