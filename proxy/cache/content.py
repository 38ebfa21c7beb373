"""The content store: bytes under their digest, immutable, one copy whatever names it."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path
from typing import Protocol

from cachetools import LRUCache

from proxy.cache.bodies import FileBody, HeldBody
from proxy.cache.disk import Disk
from proxy.cache.files import open_regular, put_in_place_durably, remove, remove_foreign, storing
from proxy.cache.partial import DiskPartial, Partial
from proxy.core.digest import Digest

SMALL = 128 * 1024
"""Content up to this many bytes is served from memory."""

_HOT_BYTES = 32 * 1024 * 1024
_PARTIAL_LIFETIME = 24 * 3600.0


class ContentStore(Protocol):
    """Where content is kept. One suite of tests runs against every store."""

    async def open(self, digest: Digest, size: int | None) -> HeldBody | FileBody | None:
        """The content, None if it is not held whole; `size` is what it must measure, if that is known."""
        ...

    def holds(self, digest: Digest, size: int | None = None) -> bool:
        """Whether `open` would find something, as far as can be told without reading it."""
        ...

    async def put(self, digest: Digest, content: bytes) -> None:
        """Keep small content that was verified; StorageFailed if the disk refuses."""
        ...

    async def partial(self, digest: Digest) -> Partial:
        """Begin a download, or take one up that was left; StorageFailed if the disk refuses."""
        ...


class DiskContent:
    """Content in files below `blobs/`, with the small and recent in memory."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._blobs = folder / "blobs"
        self._partials = folder / "partial"
        self._disk = disk
        self._hot: LRUCache[Digest, bytes] = LRUCache(_HOT_BYTES, getsizeof=len)

    async def open(self, digest: Digest, size: int | None) -> HeldBody | FileBody | None:
        hot = self._hot.get(digest)
        if hot is not None:
            return HeldBody(hot) if size in {None, len(hot)} else None
        body = await self._disk.run(lambda: self._open_file(digest, size), undo=_close)
        if isinstance(body, HeldBody):
            self._keep_hot(digest, body.content)
        return body

    def holds(self, digest: Digest, size: int | None = None) -> bool:
        hot = self._hot.get(digest)
        if hot is not None:
            return size in {None, len(hot)}
        try:
            status = self._path(digest).lstat()
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and size in {None, status.st_size}

    async def put(self, digest: Digest, content: bytes) -> None:
        await self._disk.run(lambda: self._write_file(digest, content))
        self._keep_hot(digest, content)

    async def partial(self, digest: Digest) -> Partial:
        path = self._partials / f"{digest.algorithm}-{digest.hex}"
        return await self._disk.run(lambda: DiskPartial(path, self._path(digest), digest), undo=DiskPartial.close)

    def sweep(self) -> int:
        """Remove what earlier processes left and nobody can resume; how many files that were.

        A digest's partial is kept for a day, everything else in the folder goes.
        """
        old = set(self.abandoned())
        left = [path for path in self._partials.iterdir() if path in old or not _is_partial(path)]
        for path in left:
            remove(path)
        return len(left)

    def abandoned(self) -> list[Path]:
        """The unfinished files that nothing was written to for a day."""
        oldest = time.time() - _PARTIAL_LIFETIME
        found = []
        for path in self._partials.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mtime < oldest:
                    found.append(path)
        return found

    def put_aside(self, path: Path) -> Path:
        """Give an unfinished file a name under which no download finds it."""
        return path.rename(self._partials / f"swept-{os.urandom(8).hex()}")

    def _open_file(self, digest: Digest, size: int | None) -> HeldBody | FileBody | None:
        path = self._path(digest)
        try:
            descriptor = open_regular(path)
        except OSError:
            remove_foreign(path)
            return None
        length = os.fstat(descriptor).st_size
        # Not removed: it may be the asked size that is wrong. What replaces it is renamed over it.
        if size is not None and length != size:
            os.close(descriptor)
            return None
        if length > SMALL:
            return FileBody(descriptor, length)
        try:
            content = os.pread(descriptor, SMALL, 0)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        if Digest.of(content, digest.algorithm) != digest:
            path.unlink(missing_ok=True)
            return None
        return HeldBody(content)

    def _write_file(self, digest: Digest, content: bytes) -> None:
        temporary = self._partials / f"put-{os.urandom(8).hex()}"
        with storing():
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 -- the descriptor was opened with O_EXCL
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                put_in_place_durably(temporary, self._path(digest))
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _keep_hot(self, digest: Digest, content: bytes) -> None:
        if len(content) <= SMALL:
            self._hot[digest] = content

    def _path(self, digest: Digest) -> Path:
        return self._blobs / digest.algorithm / digest.hex[:2] / digest.hex


def _close(body: HeldBody | FileBody | None) -> None:
    if body is not None:
        body.close()


def _is_partial(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode) and digest_of(path) is not None


def digest_of(partial: Path) -> Digest | None:
    """The digest after which an unfinished download is named; None for any other name."""
    try:
        return Digest.parse(partial.name.replace("-", ":", 1))
    except ValueError:
        return None
