"""Upstreams that send what nobody asked for: nothing of it is kept, and memory stays bounded."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
import zlib
from pathlib import Path

import pytest
from fakes.answers import Answer
from fakes.content import Held, Pattern
from fakes.faults import Fault, Gzipped, Headers, Html200, LyingRange, NoRange, Redirect, Status, Together, Unsized
from fakes.registry import INDEX_TYPE, MANIFEST_TYPE, FakeRegistry
from fakes.running import running, source
from fakes.server import FakeOrigin
from pipeline.scene import PREFIX, REPOSITORY, SwiftClock, get, head, image_manifest, publish, stored

_BOMB_SIZE = 64 << 20


class _Huge:
    """A fault: the answer becomes a body of this many bytes."""

    def __init__(self, size: int) -> None:
        self._size = size

    def spoil(self, answer: Answer) -> Answer:
        return Answer(200, answer.headers, Pattern(self._size, seed=3))


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(_BOMB_SIZE >> 20)) + packer.flush()


def _blobs(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "blobs").rglob("*") if path.is_file()]


def _manifest_as(**fields: object) -> bytes:
    return json.dumps({**json.loads(image_manifest("x")), **fields}).encode()


@pytest.mark.parametrize("content", [_bomb(), gzip.compress(gzip.compress(b"x" * 100)), gzip.compress(b"") * 20_000])
async def test_a_compressed_bomb_is_never_unpacked(content: bytes, tmp_path: Path) -> None:
    """Bytes are passed on as they came, whatever coding they claim: right by digest for a blob, 502 as a manifest."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        digest = upstream.add_blob(REPOSITORY, content)
        upstream.add_manifest(REPOSITORY, content, MANIFEST_TYPE, "v1")
        tracemalloc.start()
        try:
            for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
                upstream.always("/v2/", Headers((("Content-Encoding", encoding),)))
                answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
                assert (answer.status, answer.body) == (200, content)
                assert answer.header("Content-Encoding") is None
                assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).status == 502
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 16 << 20
        assert {request.headers["accept-encoding"] for request in upstream.requests} == {"identity"}


async def test_a_manifest_that_never_ends_is_left(tmp_path: Path) -> None:
    """A hundred megabytes in place of a manifest or a list are refused after the few that one may have."""
    for fault in (_Huge(100 << 20), Together((_Huge(100 << 20), Unsized()))):
        async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
            image = publish(upstream)
            upstream.always("/v2/", fault)
            targets = ("manifests/v1", f"manifests/{image.manifest_digest}", "tags/list")
            for target in targets:
                assert (await get(proxy.url, f"{PREFIX}/{target}")).status == 502
            assert upstream.count() == len(targets)
        assert upstream.body_bytes_sent < len(targets) * (32 << 20)
    assert _blobs(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"[" * 100_000, MANIFEST_TYPE),
        (b'{"a":' * 100_000, MANIFEST_TYPE),
        (_manifest_as(manifests=[]), MANIFEST_TYPE),
        (_manifest_as(manifests=[]), INDEX_TYPE),
        (_manifest_as(mediaType=INDEX_TYPE), MANIFEST_TYPE),
        (_manifest_as(), INDEX_TYPE),
        (_manifest_as(), "text/html"),
        (b"", MANIFEST_TYPE),
        (b"null", MANIFEST_TYPE),
        (b"[]", MANIFEST_TYPE),
        (b"<html></html>", MANIFEST_TYPE),
        (b"<html></html>", "text/html"),
    ],
    ids=lambda value: repr(value[:24]),
)
async def test_what_is_no_manifest_is_refused(content: bytes, media_type: str, tmp_path: Path) -> None:
    """By tag and by its own digest: 502, nothing on disk, and the right one afterwards."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        digest = upstream.add_manifest(REPOSITORY, content, media_type, "v1")
        for target in ("manifests/v1", f"manifests/{digest}"):
            assert (await get(proxy.url, f"{PREFIX}/{target}")).status == 502
        assert _blobs(tmp_path) == []
        image = publish(upstream)
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == image.manifest


@pytest.mark.parametrize(
    "fault",
    [
        Html200(),
        Status(200),
        Status(204),
        Status(206, (("Content-Range", "bytes 0-4/1000"),), b"12345"),
        Status(206, (), b"12345"),
        Status(203, (), b"from elsewhere"),
        Status(226, (), b"a difference"),
        Gzipped(),
        Together((Gzipped(), Unsized())),
    ],
    ids=repr,
)
@pytest.mark.parametrize("target", ["small", "large", "manifests/v1", "digest", "tags/list"])
async def test_a_wrong_success_is_none(target: str, fault: Fault, tmp_path: Path) -> None:
    """A login page, nothing, a part nobody asked for, a packed copy: an error or a short body, and nothing kept."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        image = publish(upstream)
        names = {
            "small": (f"blobs/{image.small_digest}", image.small),
            "large": (f"blobs/{image.large_digest}", image.large),
            "digest": (f"manifests/{image.manifest_digest}", image.manifest),
            "manifests/v1": (target, image.manifest),
            "tags/list": (target, b'{"name":"test/team/app","tags":["v1"]}'),
        }
        path, right = names[target]
        upstream.always("/v2/", fault)
        answer = await get(proxy.url, f"{PREFIX}/{path}")
        assert answer.status == 502 or not answer.complete
        assert _blobs(tmp_path) == []
        upstream.clear_faults()
        assert (await get(proxy.url, f"{PREFIX}/{path}")).body == right


@pytest.mark.parametrize(
    "fault", [NoRange(), LyingRange(100), LyingRange(-100, admits=True), LyingRange(100, admits=True)]
)
async def test_a_client_s_range_is_cut_here(fault: Fault, tmp_path: Path) -> None:
    """What the upstream makes of ranges is nothing to the client: its 206 holds the right bytes, cold and warm."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        upstream.always("/blobs/", fault)
        target = f"{PREFIX}/blobs/{image.large_digest}"
        for _ in range(2):
            for asked, expected in (
                ("5-9", image.large[5:10]),
                ("-7", image.large[-7:]),
                ("700000-", image.large[700_000:]),
            ):
                answer = await get(proxy.url, target, Range=f"bytes={asked}")
                assert (answer.status, answer.body) == (206, expected)
            await stored(proxy.url, target)
        assert upstream.count("GET") == 1


async def test_urls_in_a_manifest_are_never_followed(tmp_path: Path) -> None:
    """A layer that a manifest places elsewhere is 404 if the registry lacks it; the other place is not asked."""
    layer = b"a foreign layer"
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        url = other.put("/layer", Answer(content=Held(layer)))
        foreign = {"mediaType": "application/x", "digest": digest, "size": len(layer), "urls": [url]}
        content = _manifest_as(layers=[foreign])
        upstream.add_manifest(REPOSITORY, content, MANIFEST_TYPE, "v1")
        async with running(tmp_path, source(upstream.url)) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == content
            assert (await get(proxy.url, f"{PREFIX}/blobs/{digest}")).status == 404
            assert (await head(proxy.url, f"{PREFIX}/blobs/{digest}")).status == 404
        assert other.connections == 0


async def test_referrers_never_come_from_elsewhere(tmp_path: Path) -> None:
    """A redirect of the referrers API to another host's page is no list of referrers."""
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        image = publish(upstream)
        page = other.put("/about", Answer(200, (("Content-Type", "text/html"),), Held(b"<html>about us</html>")))
        upstream.always("/referrers/", Redirect(page, 303))
        async with running(tmp_path, source(upstream.url)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/referrers/{image.manifest_digest}")
        assert answer.status == 200
        assert json.loads(answer.body)["manifests"] == []
        assert other.connections == 0
