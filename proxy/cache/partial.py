"""A download under way: appended to, hashed as it grows, published by rename or left to be resumed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from proxy.cache.files import open_regular, put_in_place_durably, remove_foreign, storing
from proxy.core.digest import Digest, Hasher

_PIECE = 1024 * 1024


class Partial(Protocol):
    """The growing content of one fill, all of it hashed. The methods block; a thread calls them."""

    @property
    def length(self) -> int:
        """How many bytes there are."""
        ...

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
    """A partial in a file named after its digest, so that a later download finds it."""

    def __init__(self, path: Path, final: Path, digest: Digest) -> None:
        self._path = path
        self._final = final
        self._algorithm = digest.algorithm
        self._hasher: Hasher = Digest.hasher(digest.algorithm)
        self.length = 0
        with storing():
            remove_foreign(path)
            self._descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
            try:
                self._resume()
            except BaseException:
                os.close(self._descriptor)
                raise

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
            put_in_place_durably(self._path, self._final)

    def discard(self) -> None:
        # Where even that is refused, the bytes are found wrong again when they are taken up.
        with contextlib.suppress(OSError):
            self._path.unlink()

    def close(self) -> None:
        os.close(self._descriptor)

    def _resume(self) -> None:
        """Take up what an earlier download left."""
        while piece := os.pread(self._descriptor, _PIECE, self.length):
            self._hasher.update(piece)
            self.length += len(piece)
