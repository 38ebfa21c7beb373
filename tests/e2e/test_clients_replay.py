"""Every client of `clients/`, replayed request by request: cold, warm and offline."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from e2e.canary import search
from e2e.clients.script import ALPINE_TAG, BUSY_TAGS, SIGNATURE, WASM_TAGS, Client, Failure, Step, Together
from fakes.clock import FakeClock
from fakes.faults import Headers
from fakes.images import INDEX_TYPE, Image, Index, Part, build_image, build_wasm
from fakes.registry import FakeRegistry
from fakes.running import Running, running, source
from fakes.wire import Wire, WireAnswer

CANARY = "canary-of-the-client"
CREDENTIALS = (("Authorization", f"Bearer {CANARY}"), ("Cookie", f"session={CANARY}"))
CHALLENGED = "upstream-says-log-in"
UPSTREAMS_OWN = Headers(
    (
        ("WWW-Authenticate", f'Bearer realm="https://auth.example/{CHALLENGED}",service="{CHALLENGED}"'),
        ("Set-Cookie", f"id={CHALLENGED}"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", CHALLENGED),
        ("Strict-Transport-Security", "max-age=31536000"),
        ("Server", CHALLENGED),
        ("X-Upstream", CHALLENGED),
    )
)
KEPT_FROM_CLIENTS = ("WWW-Authenticate", "Set-Cookie", "Strict-Transport-Security", "X-Upstream")


def _clients() -> Iterator[Client]:
    for file in sorted((Path(__file__).parent / "clients").glob("*.py")):
        yield from getattr(importlib.import_module(f"e2e.clients.{file.stem}"), "CLIENTS", ())


class Visit:
    """One client's way through its script."""

    def __init__(self, proxy: Running, wasm: Image, alpine: Index, *, offline: bool) -> None:
        self._proxy = proxy
        self._words: dict[str, object] = {"wasm": wasm, "alpine": alpine, "link": ""}
        self._offline = offline
        self.answers: list[WireAnswer] = []

    async def run(self, client: Client) -> None:
        """All steps in order, on one connection as far as the client does so."""
        async with await Wire.connect(self._proxy.url) as wire:
            for step in client.steps:
                if isinstance(step, Together):
                    await asyncio.gather(*(self._apart(each) for each in step.steps))
                else:
                    await self._take(wire, step)

    async def _apart(self, step: Step) -> None:
        async with await Wire.connect(self._proxy.url) as wire:
            await self._take(wire, step)

    async def _take(self, wire: Wire, step: Step) -> None:
        sent = {name for name, _ in step.headers}
        own = [line for line in CREDENTIALS if line[0] not in sent]
        await wire.request(step.method, step.path.format_map(self._words), [*step.headers, *own])
        answer = await wire.answer(step.method)
        self.answers.append(answer)
        _check_headers(answer)
        expected = step.offline if self._offline and step.offline is not None else step.expected
        expected.check(answer, step.method, self._words)
        if not isinstance(expected, Failure):
            assert step.status in {None, answer.status}
            assert answer.header("OCI-Namespace") == step.namespace
        link = answer.header("Link")
        if link is not None:
            path = link.removeprefix("<").partition(">")[0]
            assert path.startswith("/v2/"), "crane and oras refuse a link to another origin"
            self._words["link"] = path


def _check_headers(answer: WireAnswer) -> None:
    assert answer.complete
    names = [name.lower() for name, _ in answer.head.headers]
    assert not {name.lower() for name in KEPT_FROM_CLIENTS}.intersection(names)
    assert not [name for name in names if name.startswith("access-control-")]
    assert len(names) == len(set(names)), "a header that comes twice is read differently by each client"


def publish(upstream: FakeRegistry) -> tuple[Image, Index]:
    """A wasm artifact with a signature, an image of two platforms, and a repository with many tags."""
    wasm, alpine = build_wasm(), _build_alpine()
    package, library = "webassembly/wasi/http", "library/alpine"
    for repository, image in ((package, wasm), *((library, image) for image in alpine.images)):
        for blob in image.blobs:
            upstream.add_blob(repository, blob.content)
        upstream.add_manifest(repository, image.manifest.content, image.manifest.media_type)
    for tag in WASM_TAGS:
        upstream.set_tag(package, tag, wasm.manifest.digest)
    upstream.add_manifest(library, alpine.manifest.content, alpine.manifest.media_type, ALPINE_TAG)
    signature = {**wasm.config.descriptor(), "mediaType": wasm.manifest.media_type, "artifactType": SIGNATURE}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [signature]}
    upstream.add_referrers(package, wasm.manifest.digest, json.dumps(index).encode())
    upstream.add_manifest("acme/busy", alpine.manifest.content, alpine.manifest.media_type, *BUSY_TAGS)
    upstream.always("/v2/", UPSTREAMS_OWN)
    return wasm, alpine


def _build_alpine() -> Index:
    """An index of two images whose layers are too large to be checked before their first byte is sent."""
    platforms = ("amd64", "arm64")
    images = tuple(
        build_image(seed, layers=2, layer_size=700_000, architecture=platform)
        for seed, platform in enumerate(platforms)
    )
    entries = [
        image.manifest.descriptor(platform={"os": "linux", "architecture": platform})
        for image, platform in zip(images, platforms, strict=True)
    ]
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    return Index(Part(INDEX_TYPE, json.dumps(document).encode()), images)


@contextlib.asynccontextmanager
async def before(folder: Path, upstream: FakeRegistry, *, offline: bool = False) -> AsyncIterator[Running]:
    """The proxy before Docker Hub and ghcr.io, both played by one upstream."""
    hub = source(upstream.url, "dockerhub", hosts=("docker.io", "registry-1.docker.io"), default=True)
    ghcr = source(upstream.url, "ghcr", hosts=("ghcr.io",))
    cache = {"offline": offline}
    async with running(folder, hub, ghcr, clock=FakeClock(), cache=cache) as proxy:
        yield proxy


@pytest.mark.parametrize("client", list(_clients()), ids=lambda client: client.name.replace(" ", "-"))
async def test_a_client_gets_what_it_needs(client: Client, tmp_path: Path) -> None:
    """Cold at the price that the script names, then warm and offline for nothing.

    Whatever a user's configuration makes the client send is for us alone, and nothing of the upstream's own
    reaches it: no challenge, no cookie, no leave for web pages.
    """
    data, said = tmp_path / "data", []
    async with FakeRegistry() as upstream:
        wasm, alpine = publish(upstream)
        async with before(data, upstream) as proxy:
            for state, cost in (("cold", client.cold), ("warm", 0)):
                seen = upstream.count()
                visit = Visit(proxy, wasm, alpine, offline=False)
                await visit.run(client)
                assert upstream.count() - seen == cost, state
                said += [repr(answer) for answer in visit.answers]
        said.append(proxy.access.getvalue())
        asked = len(upstream.requests)
        async with before(data, upstream, offline=True) as proxy:
            visit = Visit(proxy, wasm, alpine, offline=True)
            await visit.run(client)
        said += [*(repr(answer) for answer in visit.answers), proxy.access.getvalue()]
        assert len(upstream.requests) == asked
        assert upstream.pings == 0
        heard = [repr(dict(request.headers)) + request.target for request in upstream.requests]
        assert not any({"authorization", "cookie"}.intersection(request.headers) for request in upstream.requests)
    assert search(CANARY, data, *said, *heard) == []
    assert search(CHALLENGED, *said) == []
