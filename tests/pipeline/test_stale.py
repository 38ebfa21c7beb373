"""A source that fails does not take away what is held; a true 404 does."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from fakes.faults import CutAfter, Fault, Html200, Redirect, Stall, Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.wire import WireAnswer
from pipeline.planted import plant_tag
from pipeline.scene import PREFIX, TAG_TTL, SwiftClock, error_of, get, head, publish, tags_of
from upstream.certificates import server_context

_TAG = f"{PREFIX}/manifests/v1"
_FAILURES: list[Fault] = [
    *(Status(code) for code in (204, 400, 401, 403, 405, 408, 429, 500, 501, 503)),
    Status(206),
    Html200(),
    CutAfter(None),
    CutAfter(None, reset=True),
    Redirect("/v2/elsewhere/"),
    Redirect("http://169.254.169.254/"),
]


def _is_marked(answer: WireAnswer) -> bool:
    return (
        answer.header("Cache-Status") == "moorage; hit; detail=stale"
        and answer.header("Warning") == '110 - "Response is Stale"'
    )


@pytest.mark.parametrize("fault", _FAILURES, ids=repr)
async def test_stale_content_stands_in_for_a_failure(fault: Fault, tmp_path: Path) -> None:
    """Whatever goes wrong at the source, a held tag and list are served, marked; and fresh ones once it is well."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        first = publish(upstream)
        listing = f"{PREFIX}/tags/list"
        for target in (_TAG, listing):
            await get(proxy.url, target)
        publish(upstream, label="second one")
        clock.advance(TAG_TTL + 1)
        upstream.always("/v2/", fault)
        answers = [await get(proxy.url, _TAG), await head(proxy.url, _TAG), await get(proxy.url, listing)]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert all(map(_is_marked, answers))
        assert answers[0].body == first.manifest
        assert answers[1].header("Docker-Content-Digest") == first.manifest_digest
        assert tags_of(answers[2]) == ["v1"]
        upstream.clear_faults()
        clock.advance(TAG_TTL + 1)
        fresh = await get(proxy.url, _TAG)
        assert fresh.body != first.manifest
        assert fresh.header("Warning") is None


async def test_stale_content_stands_in_for_a_stopped_source(tmp_path: Path) -> None:
    """Connections refused, before and after a restart of ours: the tag is served, marked."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        image = publish(upstream)
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            await get(proxy.url, _TAG)
            await upstream.stop()
            clock.advance(TAG_TTL + 1)
            assert _is_marked(await get(proxy.url, _TAG))
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            answer = await get(proxy.url, _TAG)
            assert _is_marked(answer)
            assert answer.body == image.manifest


async def test_stale_content_stands_in_for_a_silent_source(tmp_path: Path) -> None:
    """A source that accepts and never answers costs one limit for the first byte, then the tag is served, marked."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        await get(proxy.url, _TAG)
        clock.advance(TAG_TTL + 1)
        upstream.clear()
        upstream.always("/v2/", Stall())
        asked = asyncio.create_task(get(proxy.url, _TAG))
        await upstream.seen()
        clock.advance(30.0)
        answer = await asked
        assert _is_marked(answer)
        assert answer.body == image.manifest
        assert upstream.count() == 1


async def test_stale_content_stands_in_where_no_name_resolves(tmp_path: Path) -> None:
    """A source whose name cannot be resolved: the tag is served, marked."""
    clock = SwiftClock()
    base = "http://registry.invalid"
    content = await plant_tag(tmp_path, base, fetched=clock.wall() - TAG_TTL - 1)
    async with running(tmp_path, source(base), clock=clock) as proxy:
        answer = await get(proxy.url, _TAG)
    assert _is_marked(answer)
    assert answer.body == content


async def test_stale_content_stands_in_where_tls_fails(tmp_path: Path) -> None:
    """A source whose certificate nobody vouches for: the tag is served, marked, and nothing was asked."""
    clock = SwiftClock()
    async with FakeRegistry(tls=server_context(tmp_path, None)) as upstream:
        data = tmp_path / "data"
        content = await plant_tag(data, upstream.url, fetched=clock.wall() - TAG_TTL - 1)
        async with running(data, source(upstream.url), clock=clock) as proxy:
            answer = await get(proxy.url, _TAG)
        assert _is_marked(answer)
        assert answer.body == content
        assert upstream.requests == []


async def test_a_true_404_is_never_covered_up(tmp_path: Path) -> None:
    """A tag that the source no longer has is 404, and forgotten: it does not come back when the source fails."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        await get(proxy.url, _TAG)
        upstream.remove_tag("team/app", "v1")
        clock.advance(TAG_TTL + 1)
        gone = await get(proxy.url, _TAG)
        assert (gone.status, error_of(gone)[0]) == (404, "MANIFEST_UNKNOWN")
        clock.advance(TAG_TTL + 1)
        upstream.always("/v2/", Status(503))
        assert (await get(proxy.url, _TAG)).status == 502
        assert (await head(proxy.url, _TAG)).status == 502


async def test_a_list_that_is_gone_is_never_covered_up(tmp_path: Path) -> None:
    """A repository that the source no longer has has no tag list, also when the source fails afterwards."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        listing = f"{PREFIX}/tags/list"
        assert (await get(proxy.url, listing)).status == 200
        clock.advance(TAG_TTL + 1)
        upstream.script("/tags/list", Status(404))
        gone = await get(proxy.url, listing)
        assert (gone.status, error_of(gone)[0]) == (404, "NAME_UNKNOWN")
        clock.advance(TAG_TTL + 1)
        upstream.always("/v2/", Status(503))
        assert (await get(proxy.url, listing)).status == 502


@pytest.mark.parametrize("fault", [Status(503), Status(429, (("Retry-After", "600"),)), Status(403)], ids=repr)
@pytest.mark.parametrize("target", ["/manifests/v1", "/tags/list"])
async def test_stale_content_stands_in_within_its_limit(target: str, fault: Status, tmp_path: Path) -> None:
    """What was fetched longer ago than `stale_if_error` says is served no more, however often it is asked for."""
    clock = SwiftClock()
    async with (
        FakeRegistry() as upstream,
        running(tmp_path, source(upstream.url), clock=clock, cache={"stale_if_error": "1h"}) as proxy,
    ):
        publish(upstream)
        assert (await get(proxy.url, PREFIX + target)).status == 200
        await get(proxy.url, _TAG)
        upstream.always("/v2/", fault)
        clock.advance(3500)
        assert _is_marked(await get(proxy.url, PREFIX + target))
        clock.advance(200)
        for _ in range(2):
            answer = await get(proxy.url, PREFIX + target)
            assert answer.status == {503: 502, 429: 429, 403: 403}[fault.code]


async def test_offline_knows_no_limit(tmp_path: Path) -> None:
    """Offline, everything held is served however old it is, whichever accepted type is asked for."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        image = publish(upstream)
        cache: dict[str, object] = {"stale_if_error": "1h", "offline": True}
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            await get(proxy.url, _TAG, accept="application/vnd.oci.image.manifest.v1+json")
        clock.advance(30 * 24 * 3600)
        async with running(tmp_path, source(upstream.url), clock=clock, cache=cache) as proxy:
            for accept in ("application/vnd.oci.image.manifest.v1+json", "*/*"):
                answer = await get(proxy.url, _TAG, accept=accept)
                assert answer.status == 200
                assert answer.body == image.manifest


async def test_a_clock_that_was_set_back_makes_stale(tmp_path: Path) -> None:
    """A fetch time in the future is never fresh: the tag is asked for again."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        await get(proxy.url, _TAG)
        clock.set_wall(clock.wall() - 3600)
        upstream.clear()
        assert (await get(proxy.url, _TAG)).status == 200
        assert upstream.count("HEAD") == 1
        assert math.isfinite(clock.wall())


async def test_lost_content_of_a_known_tag_is_fetched_again(tmp_path: Path) -> None:
    """A fresh tag whose content has vanished from disk: one GET brings it; without the source it is a clear error."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        image = publish(upstream)
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            await get(proxy.url, _TAG)
        for _ in range(2):
            _remove(tmp_path, image.manifest_digest)
            upstream.clear()
            async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
                answer = await get(proxy.url, _TAG)
            assert answer.body == image.manifest
            assert [request.method for request in upstream.requests] == ["GET"]
        _remove(tmp_path, image.manifest_digest)
        await upstream.stop()
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            answer = await get(proxy.url, _TAG)
            assert answer.status == 502
            assert (await head(proxy.url, _TAG)).status == 200


def _remove(data_dir: Path, digest: str) -> None:
    algorithm, _, hexadecimal = digest.partition(":")
    (data_dir / "blobs" / algorithm / hexadecimal[:2] / hexadecimal).unlink()
