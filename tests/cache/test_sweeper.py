"""The sweeper: abandoned downloads go while the program runs, live and recent ones stay."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from cache.bench import Bench, until

from proxy.cache.sweeper import Sweeper
from proxy.core.digest import Digest

_LIVE = Digest.of(b"live")
_DAY = 24 * 3600


def _plant(bench: Bench, name: str, age: float) -> Path:
    path = bench.folder / "partial" / name
    path.write_bytes(b"some")
    os.utime(path, (time.time() - age,) * 2)
    return path


def _gone(*paths: Path) -> bool:
    return not any(path.exists() for path in paths)


def _name(content: bytes) -> str:
    return str(Digest.of(content)).replace(":", "-")


@pytest.fixture
async def sweeper(bench: Bench) -> AsyncIterator[Sweeper]:
    """A running sweeper."""
    made = Sweeper(bench.content, disk=bench.disk, clock=bench.clock, live=lambda digest: digest == _LIVE)
    made.start()
    yield made
    await made.close()


async def test_each_hour(bench: Bench, sweeper: Sweeper) -> None:
    """What nobody wrote to for a day goes within the hour, and again in the next one; nothing else does."""
    kept = [
        _plant(bench, _name(b"live"), 2 * _DAY),
        _plant(bench, _name(b"recent"), _DAY / 2),
        _plant(bench, "put-0123456789abcdef", 1),
    ]
    for round_ in (b"first", b"second"):
        old, temporary = _plant(bench, _name(round_), 2 * _DAY), _plant(bench, "entry-00", 2 * _DAY)
        await bench.clock.waiting()
        bench.clock.advance(3599)
        assert old.exists()
        bench.clock.advance(1)
        await until(partial(_gone, old, temporary))
        await bench.clock.waiting()
        await until(lambda: bench.partials == sorted(kept))


async def test_a_folder_that_is_gone_for_a_while(
    bench: Bench, sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    """A sweep that fails is said, and the next one is made all the same."""
    folder, away = bench.folder / "partial", bench.folder / "away"
    old = _plant(bench, _name(b"old"), 2 * _DAY)
    await bench.clock.waiting()
    folder.rename(away)
    bench.clock.advance(3600)
    await until(lambda: "cannot be removed" in caplog.text)
    away.rename(folder)
    await bench.clock.waiting()
    bench.clock.advance(3600)
    await until(lambda: not old.exists())
