"""HEAD: downloads nothing, is never 404 for what exists, and is a hint and no proof."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fakes.faults import Fault, Gate, Headers, Status, Together, Unsized
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import LARGE_SIZE, PREFIX, REPOSITORY, TAG_TTL, SwiftClock, get, head, image_manifest, publish

_TAG = f"{PREFIX}/manifests/v1"
_REFUSALS: list[Fault] = [
    *(Status(code) for code in (400, 401, 403, 405)),
    Headers(drop=("Content-Length",)),
    Together((Unsized(), Headers(drop=("Content-Length",)))),
]
_SILENT_ON_MANIFESTS: list[Fault] = [
    Headers(drop=("Docker-Content-Digest",)),
    Headers((("Docker-Content-Digest", "sha256:nonsense"),)),
    Headers((("Content-Type", ""),)),
]


@pytest.mark.parametrize("fault", [*_REFUSALS, *_SILENT_ON_MANIFESTS], ids=repr)
async def test_a_manifest_whose_head_says_nothing(fault: Fault, tmp_path: Path) -> None:
    """By tag and by digest: where HEAD is refused or tells too little, one GET answers, and its content is kept."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        upstream.always("HEAD /v2/", fault)
        for target in (_TAG, f"{PREFIX}/manifests/{image.manifest_digest}"):
            answer = await head(proxy.url, target)
            assert answer.status == 200
            assert answer.header("Docker-Content-Digest") == image.manifest_digest
            assert answer.header("Content-Length") == str(len(image.manifest))
        assert upstream.count("GET") == 1
        assert (await get(proxy.url, _TAG)).body == image.manifest
        assert upstream.count("GET") == 1


@pytest.mark.parametrize("fault", _REFUSALS, ids=repr)
async def test_a_blob_whose_head_says_nothing(fault: Fault, tmp_path: Path) -> None:
    """Where HEAD is refused or has no length, a GET is closed after its head: the size is right, no body is read."""
    size = 64 << 20
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        digest = upstream.add_pattern_blob(REPOSITORY, size)
        upstream.always("HEAD /v2/", fault)
        answer = await head(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert (answer.status, answer.header("Content-Length")) == (200, str(size))
        assert (upstream.count("GET"), upstream.count("HEAD")) == (1, 1)
    assert upstream.body_bytes_sent < size // 2


async def test_a_blob_of_unknown_size(tmp_path: Path) -> None:
    """Where neither HEAD nor GET tells a length, HEAD is 200 and claims none."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        upstream.always("/v2/", Unsized())
        answer = await head(proxy.url, f"{PREFIX}/blobs/{image.large_digest}")
        assert answer.status == 200
        assert answer.header("Content-Length") is None
        got = await get(proxy.url, f"{PREFIX}/blobs/{image.large_digest}")
        assert (got.body, got.complete) == (image.large, True)


async def test_a_head_never_waits_for_a_body(tmp_path: Path) -> None:
    """While a download stands still, HEAD of the same blob is answered, with the size and without another request."""
    gate = Gate(after_bytes=1)
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        target = f"{PREFIX}/blobs/{image.large_digest}"
        upstream.script("GET /v2/", gate)
        download = asyncio.create_task(get(proxy.url, target))
        await gate.reached.wait()
        answer = await head(proxy.url, target)
        assert (answer.status, answer.header("Content-Length")) == (200, str(LARGE_SIZE))
        assert upstream.count() == 1
        gate.opened.set()
        assert (await download).body == image.large


@pytest.mark.parametrize("elsewhere", ["nowhere", "another manifest"])
async def test_a_head_that_lies_about_the_digest(elsewhere: str, tmp_path: Path) -> None:
    """A digest that only a HEAD claims never becomes content: GET gives what hashes right, and HEAD then says so."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        lie = "sha256:" + "e" * 64
        if elsewhere == "another manifest":
            other = image_manifest("other")
            lie = upstream.add_manifest("another/repository", other, "application/vnd.oci.image.manifest.v1+json")
        upstream.always("HEAD /v2/", Headers((("Docker-Content-Digest", lie),)))
        assert (await head(proxy.url, _TAG)).header("Docker-Content-Digest") == lie
        answer = await get(proxy.url, _TAG)
        assert (answer.status, answer.body) == (200, image.manifest)
        assert answer.header("Docker-Content-Digest") == image.manifest_digest
        assert (await head(proxy.url, _TAG)).header("Docker-Content-Digest") == image.manifest_digest


async def test_a_head_by_digest_that_names_another_is_an_error(tmp_path: Path) -> None:
    """Asked for one digest and told another, we answer 502 and keep nothing; the right content is still to be had."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        target = f"{PREFIX}/manifests/{image.manifest_digest}"
        upstream.script("HEAD /v2/", Headers((("Docker-Content-Digest", "sha256:" + "e" * 64),)))
        assert (await head(proxy.url, target)).status == 502
        assert (await get(proxy.url, target)).body == image.manifest


async def test_a_head_of_what_is_missing_is_404(tmp_path: Path) -> None:
    """A true 404 is one, with one request, for manifests and blobs."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        publish(upstream)
        for target in ("manifests/v9", f"manifests/sha256:{'a' * 64}", f"blobs/sha256:{'b' * 64}"):
            upstream.clear()
            assert (await head(proxy.url, f"{PREFIX}/{target}")).status == 404
            assert upstream.count() == 1


async def test_an_unchanged_tag_is_confirmed_without_a_body(tmp_path: Path) -> None:
    """With an ETag from the source, a stale tag costs one conditional HEAD that is answered with 304."""
    clock = SwiftClock()
    async with FakeRegistry(etags=True) as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        for method in (get, head):
            await method(proxy.url, _TAG)
            for _ in range(2):
                clock.advance(TAG_TTL + 1)
                upstream.clear()
                answer = await method(proxy.url, _TAG)
                assert (answer.status, answer.header("Docker-Content-Digest")) == (200, image.manifest_digest)
                (request,) = upstream.requests
                assert request.method == "HEAD"
                assert request.headers["if-none-match"] == f'"{image.manifest_digest}"'
                assert (await method(proxy.url, _TAG)).header("Cache-Status") == "moorage; hit"
        second = publish(upstream, label="second one")
        clock.advance(TAG_TTL + 1)
        assert (await get(proxy.url, _TAG)).body == second.manifest


async def test_a_304_that_nobody_asked_for_is_no_answer(tmp_path: Path) -> None:
    """Without an If-None-Match of ours, 304 is an error of the source, for every kind of object."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        image = publish(upstream)
        upstream.always("/v2/", Status(304))
        for target in ("manifests/v1", f"blobs/{image.small_digest}", f"blobs/{image.large_digest}", "tags/list"):
            assert (await get(proxy.url, f"{PREFIX}/{target}")).status == 502
            assert (await head(proxy.url, f"{PREFIX}/{target}")).status == 502
