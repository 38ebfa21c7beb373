"""Pulling blobs (spec.md, "Pulling blobs"; the suites' "Pull blobs" checks and their range requests)."""

from __future__ import annotations

import pytest
from conformance.distribution.published import LEGACY, MODERN, REPOSITORY, Item
from conformance.distribution.stage import Scene, error_code
from fakes.images import MANIFEST_TYPE
from fakes.wire import WireAnswer

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREFIX = f"/v2/{MODERN}/{REPOSITORY}/blobs/"


def check_headers(answer: WireAnswer, item: Item) -> None:
    """What every answer with a blob says of it."""
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Docker-Content-Digest") == item.digest
    assert answer.header("Accept-Ranges") == "bytes"
    assert answer.header("Content-Encoding") is None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_blob(scene: Scene, method: str) -> None:
    """Existing blobs are 200 with their length and digest: small, large, empty, `{}`, sha512, non-distributable."""
    before = scene.asked
    for item in scene.published.blobs.values():
        answer = await scene.ask(method, item.target)
        assert answer.status == 200
        check_headers(answer, item)
        assert answer.header("Content-Length") == str(len(item.content))
        assert answer.body == (b"" if method == "HEAD" else item.content)
    scene.check_quiet(before)


@pytest.mark.parametrize(
    ("header", "value"), [("Accept", MANIFEST_TYPE), ("Accept", "text/html"), ("Accept-Encoding", "zstd, gzip;q=0.8")]
)
async def test_a_blob_is_never_negotiated(scene: Scene, header: str, value: str) -> None:
    """Accept of manifests (oci-client) and codings (containerd) on a blob change nothing: bytes are bytes."""
    item = scene.published.blobs["small"]
    answer = await scene.get(item.target, **{header: value})
    assert answer.status == 200
    check_headers(answer, item)
    assert answer.body == item.content


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_missing_blob(scene: Scene, method: str) -> None:
    """A nonexistent blob is 404 with the code for blobs, while the upstream can say so."""
    for digest in ("sha256:" + "1" * 64, "sha512:" + "1" * 128):
        answer = await scene.ask(method, PREFIX + digest)
        scene.check_never_asked(answer, "BLOB_UNKNOWN", method=method)


async def test_a_missing_foreign_layer(scene: Scene) -> None:
    """A non-distributable layer that the registry does not hold is 404; the `urls` of its manifest are nobody's.

    They name a port of this machine where nothing listens: going there would be another error than a 404.
    """
    layers = await scene.get(scene.published.manifests["foreign layers"].target)
    assert b'"urls"' in layers.body
    answer = await scene.get(f"{PREFIX}{_second_layer(layers)}")
    scene.check_never_asked(answer, "BLOB_UNKNOWN")


def _second_layer(answer: WireAnswer) -> str:
    return answer.body.decode().rpartition('"digest": "')[2].partition('"')[0]


async def test_a_manifest_is_no_blob(scene: Scene) -> None:
    """The digest of a cached manifest names no blob: an octet-stream there has spoilt clients' stores for good."""
    item = scene.published.manifests["image"]
    scene.check_never_asked(await scene.get(PREFIX + item.digest), "BLOB_UNKNOWN")


async def test_a_blob_is_no_manifest(scene: Scene) -> None:
    """Nor does the digest of a cached blob name a manifest."""
    item = scene.published.blobs["config"]
    answer = await scene.get(item.target.replace("/blobs/", "/manifests/"))
    scene.check_never_asked(answer, "MANIFEST_UNKNOWN")


async def test_a_blob_of_another_repository(scene: Scene) -> None:
    """A blob held here opens to nobody who names a repository that never gave it."""
    item = scene.published.blobs["small"]
    for name in (f"{MODERN}/acme/other", f"{LEGACY}/{REPOSITORY}"):
        answer = await scene.get(f"/v2/{name}/blobs/{item.digest}")
        scene.check_never_asked(answer, "BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-29", 10, 30),
        ("bytes=20-", 20, None),
        ("bytes=0-", 0, None),
        ("bytes=-7", -7, None),
        ("bytes=-99999999", 0, None),
        ("bytes=5-99999999", 5, None),
    ],
)
async def test_a_range(scene: Scene, asked: str, first: int, stop: int | None) -> None:
    """Single, open, suffix and over-long ranges are 206 with exactly those bytes and where they stand."""
    before = scene.asked
    for name in ("small", "large", "config", "large sha512"):
        item = scene.published.blobs[name]
        answer = await scene.get(item.target, Range=asked)
        size = len(item.content)
        start, end = slice(first, stop).indices(size)[:2]
        assert answer.status == 206
        check_headers(answer, item)
        assert answer.header("Content-Range") == f"bytes {start}-{end - 1}/{size}"
        assert answer.header("Content-Length") == str(end - start)
        assert answer.body == item.content[start:end]
    scene.check_quiet(before)


async def test_a_range_beyond_the_end(scene: Scene) -> None:
    """Where no byte is meant the answer is 416 and tells the size."""
    beyond = {"small": "bytes={size}-", "large": "bytes={size}-{size}", "config": "bytes=-0", "empty": "bytes=0-"}
    for name, asked in beyond.items():
        item = scene.published.blobs[name]
        size = len(item.content)
        answer = await scene.get(item.target, Range=asked.format(size=size))
        assert answer.status == 416
        assert answer.header("Content-Range") == f"bytes */{size}"
        assert error_code(answer)


async def test_a_range_that_is_none(scene: Scene) -> None:
    """Several ranges, other units and broken ones give the whole, as RFC 9110 section 14.2 lets or demands."""
    item = scene.published.blobs["small"]
    for asked in ("bytes=0-1,4-5", "bytes=9-2", "bytes=a-b", "bytes", "lines=1-2", "bytes=-"):
        answer = await scene.get(item.target, Range=asked)
        assert answer.status == 200, asked
        assert answer.header("Content-Range") is None
        assert answer.body == item.content


async def test_a_range_of_what_has_changed(scene: Scene) -> None:
    """If-Range with the blob's own tag keeps the range; with another one the whole is sent."""
    item = scene.published.blobs["large"]
    kept = await scene.get(item.target, Range="bytes=3-5", If_Range=f'"{item.digest}"')
    assert (kept.status, kept.body) == (206, item.content[3:6])
    whole = await scene.get(item.target, Range="bytes=3-5", If_Range='"something else"')
    assert (whole.status, whole.body) == (200, item.content)
