"""A download under way: appended to, hashed as it grows, published by rename or left to be resumed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from proxy.core.digest import Digest, Hasher
from proxy.core.errors import StorageFailed

_PIECE = 1024 * 1024
_WRITE_FAILURES = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENOENT, errno.EACCES, errno.EPERM}
)


class Partial(Protocol):
    """The growing content of one fill, all of it hashed. The methods block; a thread calls them."""

    length: int

    @property
    def descriptor(self) -> int:
        """A file descriptor that followers read from, good until `close`."""
        ...

    def append(self, chunk: bytes) -> int:
        """Write and hash more bytes; the length so far. StorageFailed if the disk refuses."""
        ...

    def digest(self) -> Digest:
        """What the bytes so far hash to."""
        ...

    def publish(self) -> None:
        """Make the whole known under its digest, durably; StorageFailed if the disk refuses."""
        ...

    def discard(self) -> None:
        """Remove the bytes. Without this, what is not published stays and can be resumed."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class DiskPartial:
    """A partial in a file named after its digest, so that a later process finds it."""

    def __init__(self, path: Path, final: Path, digest: Digest) -> None:
        self._path = path
        self._final = final
        self._algorithm = digest.algorithm
        self._hasher: Hasher = Digest.hasher(digest.algorithm)
        self.length = 0
        with storing():
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            self._resume()

    @property
    def descriptor(self) -> int:
        return self._descriptor

    def append(self, chunk: bytes) -> int:
        view = memoryview(chunk)
        with storing():
            while view:
                view = view[os.pwrite(self._descriptor, view, self.length + len(chunk) - len(view)) :]
        self._hasher.update(chunk)
        self.length += len(chunk)
        return self.length

    def digest(self) -> Digest:
        return Digest(self._algorithm, self._hasher.hexdigest())

    def publish(self) -> None:
        with storing():
            os.fsync(self._descriptor)
            rename_durably(self._path, self._final)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._descriptor)

    def _resume(self) -> None:
        """Take up what an earlier process left.

        The last byte is dropped and asked again: so a partial that lacks nothing still leaves a range that an
        upstream can satisfy.
        """
        keep = max(0, os.fstat(self._descriptor).st_size - 1)
        while self.length < keep:
            piece = os.pread(self._descriptor, min(_PIECE, keep - self.length), self.length)
            self._hasher.update(piece)
            self.length += len(piece)
        os.ftruncate(self._descriptor, self.length)


@contextmanager
def storing() -> Iterator[None]:
    """Turns the disk's refusals to write into StorageFailed."""
    try:
        yield
    except OSError as refused:
        if refused.errno not in _WRITE_FAILURES:
            raise
        raise StorageFailed(f"the cache folder refuses writes: {refused.strerror}") from refused


def rename_durably(temporary: Path, final: Path) -> None:
    """Put a complete, synced file under its final name, and the name itself on disk."""
    final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary.rename(final)
    directory = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
