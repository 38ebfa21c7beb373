"""Disks that are full: a limit on the size of files, and a small file system of their own."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_MIB = 1 << 20


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: writing fails with "File too large"."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class SmallDisk:
    """A mounted file system in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def resize(self, megabytes: int) -> None:
        """Make it larger."""
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(self.path)], check=True)


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a file system of this size; where that is not permitted, the test is skipped, or fails in CI."""
    path.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(path))
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def megabytes(count: int) -> int:
    """So many MiB in bytes."""
    return count * _MIB


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Nothing can be written in this folder. Root, who heeds no mode, gets a read-only mount of it over itself."""
    if os.geteuid() != 0:
        path.chmod(0o500)
        yield
        path.chmod(0o700)
        return
    _mount("--bind", str(path), str(path))
    try:
        _mount("-o", "remount,bind,ro", str(path))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _mount(*arguments: str) -> None:
    mounted = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if mounted.returncode:
        reason = f"nothing can be mounted here: {mounted.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI=true lets no test be skipped for that")
        pytest.skip(reason)
