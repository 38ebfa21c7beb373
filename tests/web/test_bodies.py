"""Bodies by each of their three ways, whole and in part, and the conditions under which they are sent at all."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from fakes.faults import Gate
from fakes.wire import Wire, WireAnswer
from web.site import LARGE, MANIFEST, SMALL, Site, codes

_LARGE = LARGE.read(0, LARGE.size)


async def _warm(site: Site) -> dict[str, tuple[str, bytes]]:
    """Where an object in memory, one in a file and a manifest are, all held."""
    held = {
        "memory": (site.blob(site.small), SMALL),
        "file": (site.blob(site.large), _LARGE),
        "manifest": ("/v2/a/b/manifests/v1", MANIFEST),
    }
    for target, content in held.values():
        assert (await site.ask(target)).body == content
    site.upstream.clear()
    return held


def _etag(content: bytes) -> str:
    return f'"sha256:{hashlib.sha256(content).hexdigest()}"'


@pytest.mark.parametrize("way", ["memory", "file", "manifest"])
async def test_whole_bodies(site: Site, way: str) -> None:
    """A held object is sent whole, with its digest, a quoted ETag and its length; nobody is asked."""
    target, content = (await _warm(site))[way]
    answer = await site.ask(target)
    assert (answer.status, answer.body, answer.complete) == (200, content, True)
    assert answer.header("ETag") == _etag(content)
    assert answer.header("Docker-Content-Digest") == _etag(content).strip('"')
    assert answer.header("Content-Length") == str(len(content))
    assert answer.header("Cache-Status") == "moorage; hit"
    assert site.upstream.requests == []


@pytest.mark.parametrize("way", ["memory", "file", "manifest"])
async def test_heads(site: Site, way: str) -> None:
    """HEAD says what GET says, and has no body; the connection goes on."""
    target, content = (await _warm(site))[way]
    whole = await site.ask(target)
    async with await Wire.connect(site.proxy.url) as wire:
        await wire.request("HEAD", target, [("Range", "bytes=0-1")])
        head = await wire.answer("HEAD")
        await wire.request("GET", "/v2/")
        assert (await wire.answer()).body == b"{}"
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "Docker-Content-Digest", "ETag", "Accept-Ranges"):
        assert head.header(name) == whole.header(name)
    assert head.header("Content-Length") == str(len(content))


@pytest.mark.parametrize("way", ["memory", "file", "manifest"])
@pytest.mark.parametrize(
    ("header", "cut"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=3-9", slice(3, 10)),
        ("bytes=5-", slice(5, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=-99999999", slice(None)),
        ("bytes=2-99999999", slice(2, None)),
    ],
)
async def test_ranges(site: Site, way: str, header: str, cut: slice) -> None:
    """A range is exactly its bytes, and says which they are."""
    target, content = (await _warm(site))[way]
    answer = await site.ask(target, ("Range", header))
    start, stop, _ = cut.indices(len(content))
    assert (answer.status, answer.body, answer.complete) == (206, content[cut], True)
    assert answer.header("Content-Range") == f"bytes {start}-{stop - 1}/{len(content)}"


@pytest.mark.parametrize("way", ["memory", "file"])
async def test_ranges_that_are_ignored(site: Site, way: str) -> None:
    """Wrong syntax, several ranges and Unicode digits give the whole; behind the end is 416 with the size."""
    target, content = (await _warm(site))[way]
    for header in (
        "bytes=5-2",
        "bytes=" + "0-0," * 1000 + "1-1",
        "bytes=%D9%A0-",
        "items=0-1",
        "bytes=\u0660-\u0663",
        "bytes=-",
    ):
        answer = await site.ask(target, ("Range", header.encode().decode("latin-1")))
        assert (answer.status, answer.body) == (200, content), header
    for header in (f"bytes={len(content)}-", "bytes=99999999-", "bytes=-0"):
        answer = await site.ask(target, ("Range", header))
        assert (answer.status, codes(answer)) == (416, ["SIZE_INVALID"]), header
        assert answer.header("Content-Range") == f"bytes */{len(content)}"


@pytest.mark.parametrize("way", ["memory", "file", "manifest"])
async def test_if_range(site: Site, way: str) -> None:
    """A range with a condition is sent only where the condition names exactly this content."""
    target, content = (await _warm(site))[way]
    right = await site.ask(target, ("Range", "bytes=1-2"), ("If-Range", _etag(content)))
    assert (right.status, right.body) == (206, content[1:3])
    for condition in (
        _etag(b"other"),
        "W/" + _etag(content),
        _etag(content).strip('"'),
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "",
    ):
        wrong = await site.ask(target, ("Range", "bytes=1-2"), ("If-Range", condition))
        assert (wrong.status, wrong.body) == (200, content), condition


@pytest.mark.parametrize("way", ["memory", "file", "manifest"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_if_none_match(site: Site, way: str, method: str) -> None:
    """A client that holds the content is told so, however it writes the tag; one that holds other content is not."""
    target, content = (await _warm(site))[way]
    tag = _etag(content)
    for condition in (tag, tag.strip('"'), f"W/{tag}", f'"x", {tag}', "*"):
        answer = await site.ask(target, ("If-None-Match", condition), method=method)
        assert (answer.status, answer.body) == (304, b""), condition
        assert answer.header("ETag") == tag
    for condition in (_etag(b"other"), '""', "", tag[:-2] + '"'):
        assert (await site.ask(target, ("If-None-Match", condition), method=method)).status == 200, condition


async def test_an_empty_blob(site: Site) -> None:
    """Length 0 is an ordinary case: whole, HEAD, and a range that cannot be."""
    target = site.blob(site.upstream.add_blob("a/b", b""))
    for _ in range(2):
        answer = await site.ask(target)
        assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "0")
        assert answer.complete
    assert (await site.ask(target, method="HEAD")).header("Content-Length") == "0"
    assert (await site.ask(target, ("Range", "bytes=0-0"))).status == 416


async def _gated(site: Site, after_bytes: int) -> tuple[Gate, asyncio.Task[WireAnswer]]:
    """A download that stands still there, and its first reader."""
    gate = Gate(after_bytes)
    site.upstream.script("blobs", gate)
    first = asyncio.create_task(site.ask(site.blob(site.large)))
    await gate.reached.wait()
    return gate, first


async def test_ranges_of_a_download_under_way(site: Site) -> None:
    """What has arrived and may leave is sent while the rest is still missing; the whole comes right in the end."""
    gate, first = await _gated(site, 500_000)
    answer = await site.ask(site.blob(site.large), ("Range", "bytes=1000-300000"))
    assert (answer.status, answer.body) == (206, _LARGE[1000:300_001])
    assert answer.header("Content-Range") == f"bytes 1000-300000/{LARGE.size}"
    late = asyncio.create_task(site.ask(site.blob(site.large), ("Range", "bytes=-10")))
    condition = ("If-None-Match", _etag(_LARGE))
    assert (await site.ask(site.blob(site.large), condition)).status == 304
    beyond = await site.ask(site.blob(site.large), ("Range", f"bytes={LARGE.size}-"))
    assert beyond.status == 416
    assert not first.done()
    assert not late.done()
    gate.opened.set()
    assert (await late).body == _LARGE[-10:]
    assert (await first).body == _LARGE
    assert site.upstream.count("GET") == 1


async def test_a_head_of_a_download_under_way(site: Site) -> None:
    """HEAD does not wait for a body."""
    gate, first = await _gated(site, 100)
    head = await site.ask(site.blob(site.large), method="HEAD")
    assert (head.status, head.header("Content-Length")) == (200, str(LARGE.size))
    assert not first.done()
    gate.opened.set()
    assert (await first).complete
    assert site.upstream.count("GET") == 1


async def test_lists_have_no_digest(site: Site) -> None:
    """An assembled answer is whole, has a length and no ETag, and ignores ranges."""
    answer = await site.ask("/v2/a/b/tags/list", ("Range", "bytes=0-1"), ("If-None-Match", "*"))
    assert (answer.status, answer.body) == (200, b'{"name":"a/b","tags":["v1"]}')
    assert answer.header("ETag") is None
    head = await site.ask("/v2/a/b/tags/list", method="HEAD")
    assert head.header("Content-Length") == str(len(answer.body))
