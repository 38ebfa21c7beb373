"""How often the upstream is asked: the whole table of objects, methods and states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.faults import Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.wire import WireAnswer, ask
from pipeline.scene import PREFIX, REPOSITORY, TAG_TTL, Image, SwiftClock, get, head, image_index, publish

_RANGE = (("Range", "bytes=10-19"),)


@dataclass(frozen=True, slots=True)
class Row:
    """One object and how many upstream requests each state may cost, for GET and for HEAD.

    `target` is below the repository; `body` is what GET gives, None where it is not compared.
    """

    name: str
    target: Callable[[Image], str]
    cold: tuple[int, int] = (1, 1)
    unchanged: tuple[int, int] = (0, 0)
    changed: tuple[int, int] = (0, 0)
    body: Callable[[Image], bytes] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    page_size: int | None = None


ROWS = (
    Row(
        "manifest by tag",
        lambda image: "/manifests/v1",
        unchanged=(1, 1),
        changed=(2, 1),
    ),
    # A digest that was only asked for by HEAD is a claim of the source's, and is asked again when it is old.
    Row(
        "manifest by digest",
        lambda image: f"/manifests/{image.manifest_digest}",
        unchanged=(0, 1),
        changed=(0, 1),
        body=lambda image: image.manifest,
    ),
    Row(
        "small blob",
        lambda image: f"/blobs/{image.small_digest}",
        unchanged=(0, 1),
        changed=(0, 1),
        body=lambda image: image.small,
    ),
    Row(
        "large blob",
        lambda image: f"/blobs/{image.large_digest}",
        unchanged=(0, 1),
        changed=(0, 1),
        body=lambda image: image.large,
    ),
    Row(
        "range of a small blob",
        lambda image: f"/blobs/{image.small_digest}",
        unchanged=(0, 1),
        changed=(0, 1),
        body=lambda image: image.small[10:20],
        headers=_RANGE,
    ),
    Row(
        "range of a large blob",
        lambda image: f"/blobs/{image.large_digest}",
        unchanged=(0, 1),
        changed=(0, 1),
        body=lambda image: image.large[10:20],
        headers=_RANGE,
    ),
    Row("tags on one page", lambda image: "/tags/list", unchanged=(1, 1), changed=(1, 1)),
    Row(
        "tags on three pages",
        lambda image: "/tags/list",
        cold=(3, 3),
        unchanged=(3, 3),
        changed=(3, 3),
        page_size=1,
    ),
    Row("referrers", lambda image: f"/referrers/{image.manifest_digest}", unchanged=(1, 1), changed=(1, 1)),
)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_requests_upstream(row: Row, method: str, tmp_path: Path) -> None:
    """Cold, warm, stale and unchanged, stale and changed, offline: each costs what the table says, not one more."""
    column = ("GET", "HEAD").index(method)
    clock = SwiftClock()
    async with FakeRegistry(page_size=row.page_size) as upstream:
        image = publish(upstream)
        for tag in ("v0", "v2"):
            upstream.set_tag(REPOSITORY, tag, image.manifest_digest)

        async def cost(url: str) -> int:
            before = upstream.count()
            answer = await ask(url, PREFIX + row.target(image), method=method, headers=row.headers)
            _check(answer, row, image, method)
            return upstream.count() - before

        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            assert await cost(proxy.url) == row.cold[column], "cold"
            assert await cost(proxy.url) == 0, "warm"
            clock.advance(TAG_TTL + 1)
            assert await cost(proxy.url) == row.unchanged[column], "stale, unchanged"
            assert await cost(proxy.url) == 0, "revalidated"
            publish(upstream, label="second one")
            upstream.add_referrers(REPOSITORY, image.manifest_digest, image_index("signature"))
            clock.advance(TAG_TTL + 1)
            assert await cost(proxy.url) == row.changed[column], "stale, changed"
            assert await cost(proxy.url) == 0, "taken up"
        await upstream.stop()
        upstream.clear()
        async with running(tmp_path / "data", source(upstream.url), clock=clock, cache={"offline": True}) as proxy:
            assert await cost(proxy.url) == 0, "offline"
        assert upstream.pings == 0, "no authentication, so nothing to ask beforehand"


def _check(answer: WireAnswer, row: Row, image: Image, method: str) -> None:
    assert answer.complete
    assert answer.status == (206 if row.headers and method == "GET" else 200)
    assert "Warning" not in dict(answer.head.headers)
    if method == "GET" and row.body is not None:
        assert answer.body == row.body(image)


async def test_a_changed_tag_is_served_as_changed(tmp_path: Path) -> None:
    """The second request upstream brings the new content, for GET and for HEAD."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        first = publish(upstream)
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == first.manifest
        second = publish(upstream, label="second one")
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == first.manifest
        clock.advance(TAG_TTL + 1)
        told = await head(proxy.url, f"{PREFIX}/manifests/v1")
        assert told.header("Docker-Content-Digest") == second.manifest_digest
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == second.manifest


async def test_a_head_and_a_get_share_what_they_learn(tmp_path: Path) -> None:
    """HEAD by tag, GET by the digest it named, then GET and HEAD by tag and digest: two requests upstream in all."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        by_tag, by_digest = f"{PREFIX}/manifests/v1", f"{PREFIX}/manifests/{image.manifest_digest}"
        told = await head(proxy.url, by_tag)
        assert told.header("Docker-Content-Digest") == image.manifest_digest
        assert told.header("Content-Length") == str(len(image.manifest))
        for target in (by_digest, by_tag):
            assert (await get(proxy.url, target)).body == image.manifest
            assert (await head(proxy.url, target)).status == 200
        assert [request.method for request in upstream.requests] == ["HEAD", "GET"]


async def test_a_get_by_tag_serves_its_digest(tmp_path: Path) -> None:
    """After a GET by tag the digest is warm, in every method."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        await get(proxy.url, f"{PREFIX}/manifests/v1")
        answer = await get(proxy.url, f"{PREFIX}/manifests/{image.manifest_digest}")
        assert answer.body == image.manifest
        assert answer.header("Cache-Status") == "moorage; hit"
        assert upstream.count() == 1


async def test_a_failed_request_is_repeated_within_bounds(tmp_path: Path) -> None:
    """A source that keeps failing is asked three times for one request, with growing pauses, and no more."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        # The list first: with a tag that is held it would be answered in part.
        for target in ("/tags/list", "/manifests/v1", f"/blobs/{image.small_digest}", f"/blobs/{image.large_digest}"):
            upstream.clear()
            clock.pauses.clear()
            upstream.always("/v2/", Status(503))
            assert (await get(proxy.url, PREFIX + target)).status == 502
            assert upstream.count() == 3
            assert len(clock.pauses) == 2
            assert clock.pauses[0] < clock.pauses[1]
            upstream.clear_faults()
            assert (await get(proxy.url, PREFIX + target)).status == 200
