"""Looking for content while a download of it ends: it is always found in one of the two places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cache.bench import Bench, bench_in
from faults.program import content_of

from proxy.cache.bodies import FileBody, HeldBody
from proxy.cache.content import DiskContent
from proxy.cache.entries import EntryStore, walk
from proxy.cache.partial import Partial
from proxy.cache.view import View
from proxy.core.digest import Digest
from proxy.pipeline.storage import Storage


class _PublishedMeanwhile:
    """A store in which the content appears in the moment after it was looked for."""

    def __init__(self, inner: DiskContent, content: bytes) -> None:
        self.opened = 0
        self._inner = inner
        self._content = content

    async def open(self, digest: Digest, size: int | None) -> HeldBody | FileBody | None:
        self.opened += 1
        found = await self._inner.open(digest, size)
        if found is None:
            await self._inner.put(digest, self._content)
        return found

    def holds(self, digest: Digest, size: int | None = None) -> bool:
        return self._inner.holds(digest, size)

    async def put(self, digest: Digest, content: bytes) -> None:
        await self._inner.put(digest, content)

    async def partial(self, digest: Digest) -> Partial:
        return await self._inner.partial(digest)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A claimed data folder with a store in it."""
    with bench_in(tmp_path / "data") as made:
        yield made


@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_content_published_while_it_was_looked_for_is_found(bench: Bench, size: int) -> None:
    """Who looked a moment too early looks again, and does not download what has just come."""
    content = content_of(size)
    store = _PublishedMeanwhile(bench.content, content)
    entries = EntryStore(bench.folder, bench.disk, View(bench.folder / "index.sqlite3", lambda: walk(bench.folder)))
    storage = Storage(entries=entries, content=store, disk=bench.disk)
    body = await storage.open(Digest.of(content), size)
    assert body is not None
    body.close()
    assert store.opened == 2


async def test_what_is_not_there_is_looked_for_once(bench: Bench) -> None:
    """A plain miss costs one look."""
    store = _PublishedMeanwhile(bench.content, b"something of another digest")
    entries = EntryStore(bench.folder, bench.disk, View(bench.folder / "index.sqlite3", lambda: walk(bench.folder)))
    storage = Storage(entries=entries, content=store, disk=bench.disk)
    assert await storage.open(Digest.of(b"content"), 6) is None
    assert store.opened == 1
