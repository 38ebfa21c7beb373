"""The data folder: ours alone, owned by one process at a time, of a known layout."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from proxy.cache.files import open_regular, put_in_place
from proxy.core.errors import ConfigError

LAYOUT_VERSION = "1"
_LOCK = Path("run", "lock")
_PARTS = ("blobs", "entries", "partial", "run")


class DataFolder:
    """A claimed data folder. `release` gives it up; the kernel does so too when the process ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def claim(cls, path: Path) -> DataFolder:
        """Make or check the folder and take its lock.

        ConfigError if it is somebody else's, writable by others (a planted file would be served), of another
        layout, or in use by another process, which is then named.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_owner(path)
            for part in _PARTS:
                (path / part).mkdir(mode=0o700, exist_ok=True)
                _check_owner(path / part)
            lock = _take_lock(path / _LOCK)
            try:
                _check_version(path)
            except BaseException:
                os.close(lock)
                raise
        except OSError as failed:
            raise ConfigError((f"cache.data_dir: {path} cannot be used: {failed.strerror}",)) from failed
        return cls(path, lock)

    def is_there(self) -> bool:
        """Whether the folder that was claimed still stands under its name: not removed, moved away or replaced."""
        try:
            return os.path.samestat((self.path / _LOCK).lstat(), os.fstat(self._lock))
        except OSError:
            return False

    def release(self) -> None:
        """Give the folder up for another process."""
        os.close(self._lock)


def _check_owner(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigError((f"cache.data_dir: {path} is not a directory (symbolic links are not followed)",))
    if status.st_uid != os.geteuid():
        raise ConfigError((f"cache.data_dir: {path} belongs to another user; choose a folder of your own",))
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError((f"cache.data_dir: others can write to {path}; run: chmod go-w {path}",))


def _take_lock(path: Path) -> int:
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        problem = (
            f"cache.data_dir: {path.parent.parent} is in use by process {holder}; stop it or choose another folder"
        )
        raise ConfigError((problem,)) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _check_version(folder: Path) -> None:
    path = folder / "version"
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        # Whole or not at all: a start that is killed here must not make the next one refuse the folder.
        temporary = folder / "run" / "version"
        temporary.write_text(f"{LAYOUT_VERSION}\n", encoding="ascii")
        put_in_place(temporary, path)
        return
    try:
        found = os.read(descriptor, 64).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    if found != LAYOUT_VERSION:
        problem = f"cache.data_dir: {folder} has layout {found!r} and this version reads {LAYOUT_VERSION!r}"
        raise ConfigError((problem,))
