"""Files of the data folder: opened without trust in what stands under their names, and put in place whole."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy.core.errors import StorageFailed


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file. Links are not followed and FIFOs not waited for: both are an OSError."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def remove(path: Path) -> None:
    """Remove whatever stands under a name, a folder with all that is in it; nothing there is no mistake."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_foreign(path: Path) -> None:
    """Remove what stands in a file's place and is none, as far as the disk allows."""
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(path.lstat().st_mode):
            remove(path)


def put_in_place(temporary: Path, final: Path) -> None:
    """Put a complete file under its final name."""
    # Asked before a folder is made: where the data folder itself is gone, nothing appears in its place.
    temporary.stat()
    final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_foreign(final)
    temporary.rename(final)


def put_in_place_durably(temporary: Path, final: Path) -> None:
    """Put a complete, synced file under its final name, and the name itself on disk."""
    put_in_place(temporary, final)
    directory = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def storing() -> Iterator[None]:
    """Turns the disk's refusals into StorageFailed, whatever their reason."""
    try:
        yield
    except OSError as refused:
        raise StorageFailed(f"the cache folder refuses writes: {refused.strerror}") from refused
