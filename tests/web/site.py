"""A proxy in front of one registry, and what a test asks of both."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes.content import Pattern
from fakes.registry import FakeRegistry
from fakes.running import Running, running, source
from fakes.wire import Wire, WireAnswer, WireError, ask

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SMALL = b"a small blob, which is served from memory"
LARGE = Pattern(700_001, 7)
"""More than the hold-back, and served from its file once it is held."""
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []}).encode()
LOCALHOST = b"Host: localhost\r\n"


@dataclass(frozen=True, slots=True)
class Site:
    """The two, and the digests of what repository `a/b` holds; the tag of its manifest is `v1`."""

    upstream: FakeRegistry
    proxy: Running
    small: str
    large: str
    manifest: str

    def blob(self, digest: str) -> str:
        """Where a blob is."""
        return f"/v2/a/b/blobs/{digest}"

    async def ask(self, target: str, *headers: tuple[str, str], method: str = "GET") -> WireAnswer:
        """One request on a connection of its own."""
        return await ask(self.proxy.url, target, method=method, headers=headers)

    async def send(self, *raw: bytes) -> list[WireAnswer]:
        """The answers to exactly these bytes, until the proxy closes or has answered as many as there are parts."""
        answers: list[WireAnswer] = []
        async with await Wire.connect(self.proxy.url) as wire:
            await wire.send(b"".join(raw))
            for _ in raw:
                try:
                    answers.append(await wire.answer())
                except WireError:
                    break
        return answers

    async def untouched(self, before: Files) -> None:
        """Assert that nothing was asked upstream and that no file came or went."""
        assert self.upstream.requests == []
        assert self.files() == before

    def files(self) -> Files:
        """Every file and folder of the data folder but the lock and the rebuildable view."""
        folder = self.proxy.data_dir
        found = (path.relative_to(folder) for path in folder.rglob("*"))
        return frozenset(str(path) for path in found if not path.name.startswith("index.sqlite3"))


Files = frozenset[str]


@asynccontextmanager
async def serving(folder: Path, **server: object) -> AsyncIterator[Site]:
    """A site whose only source is the default one."""
    async with FakeRegistry() as upstream:
        small = upstream.add_blob("a/b", SMALL)
        large = upstream.add_pattern_blob("a/b", LARGE.size, LARGE.seed)
        manifest = upstream.add_manifest("a/b", MANIFEST, OCI_MANIFEST, "v1")
        async with running(folder / "data", source(upstream.url, default=True), server=server) as proxy:
            yield Site(upstream, proxy, small, large, manifest)


def codes(answer: WireAnswer) -> list[str]:
    """The error codes of an answer for a registry client."""
    return [error["code"] for error in json.loads(answer.body)["errors"]]


def lines(names_and_values: Iterable[tuple[str, str]]) -> bytes:
    """Header lines as bytes."""
    return "".join(f"{name}: {value}\r\n" for name, value in names_and_values).encode("latin-1")
