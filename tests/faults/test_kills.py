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
    """No complete wrong body, no bad file; what was left over is resumed where it ended, and all is readable."""
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
    # One kill in eight falls into the moments when the content is published and recorded.
    at_end = choose.random() < 1 / 8
    target, turns = (_SIZE, choose.randrange(30_000)) if at_end else (choose.randrange(_SIZE), 0)
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob(REPOSITORY, _SIZE, seed, rate=_RATE)
        async with served(folder, upstream.url) as proxy:
            position, completed = await _read_and_kill(proxy, digest, pattern, target, turns)
        data_dir = folder / "data"
        assert wrong_files(data_dir) == []
        left = sum(path.stat().st_size for path in partials(data_dir) if digest.replace(":", "-") == path.name)
        published = stored(data_dir, digest).exists()
        upstream.clear()
        began = time.monotonic()
        async with served(folder, upstream.url) as proxy:
            ready_seconds = time.monotonic() - began
            lengths = await asyncio.gather(*(_Reader(pattern).read(proxy, digest) for _ in range(_AFTER_RESTART)))
            assert lengths == [_SIZE] * _AFTER_RESTART, "everybody reads the whole after the restart"
        starts = [start for start in range_starts(upstream) if not published]
        if not published:
            assert starts == [left - _OVERLAP if left > _OVERLAP else None], "one download, from where it ended"
        assert wrong_files(data_dir) == []
        assert partials(data_dir) == []
        stored(data_dir, digest).unlink()
    resumed = bool(starts) and starts[0] is not None
    return Trial(position, completed, published, resumed, ready_seconds)


async def _read_and_kill(proxy: Served, digest: str, pattern: Pattern, target: int, turns: int) -> tuple[int, int]:
    """Readers read until the first has so many bytes, and the loop has turned so often; then the process is killed.

    Gives the first reader's position then, and how many bodies were complete.
    """
    readers = [_Reader(pattern, target) for _ in range(_READERS)]
    reading = [asyncio.ensure_future(reader.read(proxy, digest)) for reader in readers]
    await readers[0].reached.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    position = readers[0].position
    await proxy.kill()
    return position, sum(length == _SIZE for length in await asyncio.gather(*reading))


class _Reader:
    """Reads a body and compares every byte; `reached` is set once it has `target` bytes."""

    def __init__(self, pattern: Pattern, target: int = 0) -> None:
        self.position = 0
        self.reached = asyncio.Event()
        self._pattern = pattern
        self._target = target

    async def read(self, proxy: Served, digest: str) -> int:
        """The length of the body if it ended in order, -1 if it was closed short or never began."""
        with contextlib.suppress(WireError, ConnectionError):
            async with await Wire.connect(proxy.url) as wire:
                await wire.request("GET", blob(digest))
                self._note(0)
                head = await wire.head()
                assert head.status == 200
                async for piece in wire.body(head):
                    assert piece == self._pattern.read(self.position, len(piece)), f"wrong behind {self.position}"
                    self._note(len(piece))
                if wire.complete:
                    assert self.position == _SIZE, "a complete body of a wrong length"
                    return self.position
        return -1

    def _note(self, length: int) -> None:
        self.position += length
        if self.position >= self._target:
            self.reached.set()
