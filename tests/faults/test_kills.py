"""kill -9 at random moments of a download with readers attached: nothing wrong is served or stored afterwards."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.content import Pattern
from fakes.registry import FakeRegistry
from fakes.wire import Wire, WireError
from faults.process import Served, served
from faults.program import REPOSITORY, blob, partials, range_starts, stored, wrong_files

_SIZE = 64 << 20
_RATE = 32_000_000
_READERS = 8
_AFTER_RESTART = 3
_AT_ONCE = 2
_OVERLAP = 4096
_SEED = int(os.environ.get("MOORAGE_TEST_SEED", "20250101"))


@dataclass(frozen=True, slots=True)
class Trial:
    """One kill: where the first reader stood, and what the next process did."""

    position: int
    completed: int
    left: int
    published: bool
    resumed: bool
    ready_seconds: float


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param(30, marks=[pytest.mark.ci, pytest.mark.timeout(600)]),
        pytest.param(200, marks=[pytest.mark.proof, pytest.mark.timeout(3600)]),
    ],
)
async def test_kills_at_random_moments(tmp_path: Path, trials: int) -> None:
    """No complete wrong body, no bad file; what was left over is resumed where it ended or gone, and all is readable."""
    print(f"seed {_SEED} (MOORAGE_TEST_SEED sets another)")
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Trial:
        async with free:
            return await _trial(tmp_path / str(number), random.Random(_SEED + number), number % 7)

    results = await asyncio.gather(*(one(number) for number in range(trials)))
    tenths = collections.Counter(min(9, result.position * 10 // _SIZE) for result in results)
    for tenth in range(10):
        print(f"killed at {tenth * 10:3d} % to {tenth * 10 + 10:3d} %: {tenths[tenth]:3d} {'#' * tenths[tenth]}")
    print(
        f"{trials} kills: {sum(result.completed for result in results)} bodies were complete before, all right; "
        f"{sum(result.published for result in results)} blobs were published, "
        f"{sum(result.resumed for result in results)} downloads resumed, "
        f"0 bad files; ready again after {max(result.ready_seconds for result in results):.2f} s at most"
    )
    assert any(result.resumed for result in results)


async def _trial(folder: Path, choose: random.Random, seed: int) -> Trial:
    pattern = Pattern(_SIZE, seed)
    # One kill in eight falls into the moment when the content is published and recorded.
    target = _SIZE if choose.random() < 1 / 8 else choose.randrange(_SIZE)
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, _SIZE, seed, rate=_RATE)
        async with served(folder, upstream.url) as proxy:
            position, completed = await _read_and_kill(proxy, blob(digest), pattern, target)
        data_dir = folder / "data"
        assert wrong_files(data_dir) == []
        left = sum(path.stat().st_size for path in partials(data_dir))
        published = stored(data_dir, digest).exists()
        upstream.clear()
        began = time.monotonic()
        async with served(folder, upstream.url) as proxy:
            ready_seconds = time.monotonic() - began
            lengths = await asyncio.gather(*(_read(proxy, blob(digest), pattern, []) for _ in range(_AFTER_RESTART)))
            assert lengths == [_SIZE] * _AFTER_RESTART, "everybody reads the whole after the restart"
        starts = [start for start in range_starts(upstream) if not published]
        if not published:
            assert starts == [left - _OVERLAP if left > _OVERLAP else None], "one download, from where it ended"
        assert wrong_files(data_dir) == []
        assert partials(data_dir) == []
        (stored(data_dir, digest)).unlink()
    resumed = bool(starts) and starts[0] is not None
    return Trial(position, completed, left, published, resumed, ready_seconds)


async def _read_and_kill(proxy: Served, target: str, pattern: Pattern, kill_at: int) -> tuple[int, int]:
    """Readers read until the first has so many bytes, then the process is killed; its position, how many were done."""
    reached, counts = asyncio.Event(), [list[int]() for _ in range(_READERS)]
    readers = [
        asyncio.ensure_future(_read(proxy, target, pattern, count, reached if not number else None, kill_at))
        for number, count in enumerate(counts)
    ]
    await reached.wait()
    position = sum(counts[0])
    await proxy.kill()
    lengths = await asyncio.gather(*readers)
    return position, sum(length == _SIZE for length in lengths)


async def _read(
    proxy: Served,
    target: str,
    pattern: Pattern,
    count: list[int],
    reached: asyncio.Event | None = None,
    reach: int = 0,
) -> int:
    """Read a body and compare every byte; its length if it ended in order, and -1 if it was closed short."""
    position = 0
    with contextlib.suppress(WireError):
        async with await Wire.connect(proxy.url) as wire:
            await wire.request("GET", target)
            if reached is not None and reach == 0:
                reached.set()
            head = await wire.head()
            assert head.status == 200
            async for piece in wire.body(head):
                assert piece == pattern.read(position, len(piece)), f"wrong bytes behind {position}"
                position += len(piece)
                count.append(len(piece))
                if reached is not None and position >= reach:
                    reached.set()
            if wire.complete:
                assert position == _SIZE, "a complete body of a wrong length"
                return position
    return -1
