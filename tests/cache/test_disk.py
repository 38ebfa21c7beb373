"""Disk work: off the loop, never half forgotten when its caller leaves, and read without a thread where possible."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from cache.bench import Bench

from proxy.cache.disk import Disk
from proxy.core.errors import StorageFailed


async def test_work_runs_in_a_thread_of_its_own(bench: Bench) -> None:
    """The loop's thread does not do the work, and its result and errors come back."""
    assert await bench.disk.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await bench.disk.run(lambda: 1 // 0)


async def test_cancelled_work_is_waited_for_and_undone(bench: Bench) -> None:
    """Who is cancelled while a thread works leaves when the thread is done, and what it made is let go of."""
    started, released = threading.Event(), threading.Event()
    undone: list[str] = []

    def work() -> str:
        started.set()
        released.wait()
        return "made"

    task = asyncio.ensure_future(bench.disk.run(work, undo=undone.append))
    await asyncio.to_thread(started.wait)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert undone == ["made"]


async def test_cancelled_work_that_fails_undoes_nothing(bench: Bench) -> None:
    """An error of a thread whose caller was cancelled is dropped without noise."""
    released = threading.Event()
    undone: list[object] = []

    def work() -> None:
        released.wait()
        raise OSError("nobody hears this")

    task = asyncio.ensure_future(bench.disk.run(work, undo=undone.append))
    await asyncio.sleep(0)
    task.cancel()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert undone == []


@pytest.mark.parametrize("offset", [0, 3, 10, 20])
async def test_reading_gives_what_a_plain_read_gives(bench: Bench, tmp_path: Path, offset: int) -> None:
    """From memory or from the disk, also at and behind the end."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert bytes(await bench.disk.read(descriptor, 4, offset)) == b"0123456789"[offset : offset + 4]
    finally:
        os.close(descriptor)


async def test_a_file_system_without_such_reads_is_read_in_a_thread(bench: Bench) -> None:
    """Where the kernel cannot say whether a read would block, the thread reads: files of /proc are such."""
    descriptor = os.open("/proc/self/comm", os.O_RDONLY)
    try:
        assert bytes(await bench.disk.read(descriptor, 100, 0)) == os.pread(descriptor, 100, 0)
    finally:
        os.close(descriptor)


async def test_a_read_that_fails_says_so(bench: Bench, tmp_path: Path) -> None:
    """What the disk answers with an error is StorageFailed; /proc/self/mem gives a true input/output error."""
    directory = os.open(tmp_path, os.O_RDONLY)
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        for descriptor in (directory, memory):
            with pytest.raises(StorageFailed):
                await bench.disk.read(descriptor, 10, 0)
    finally:
        os.close(directory)
        os.close(memory)


async def test_closing_waits_for_work(tmp_path: Path) -> None:
    """What has begun is done when the disk is closed."""
    disk = Disk(threads=1)
    done = [disk.start((tmp_path / str(number)).touch) for number in range(20)]
    disk.close()
    assert len(list(tmp_path.iterdir())) == len(done)
    await asyncio.wait(done)
