"""A source that says 429 is left alone for as long as it asks, and nobody else suffers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from fakes.access import Bearer
from fakes.faults import Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.tokens import FakeTokenService
from pipeline.scene import PREFIX, TAG_TTL, SwiftClock, error_of, get, head, publish, stored

_TAG = f"{PREFIX}/manifests/v1"
_NOW = datetime.fromtimestamp(1_800_000_000, UTC)
_USER = {"type": "basic", "username": "alice", "password": "correct horse"}


def _limited(value: str | None) -> Status:
    return Status(429, () if value is None else (("Retry-After", value),))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30),
        ("0", 1),
        ("3600", 3600),
        ("1e9", 10),
        ("-5", 10),
        (None, 10),
        ("soon", 10),
        (format_datetime(_NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(_NOW - timedelta(days=1), usegmt=True), 1),
        (format_datetime(_NOW + timedelta(minutes=45), usegmt=True), 2700),
    ],
)
async def test_repeats_are_answered_here(value: str | None, seconds: int, tmp_path: Path) -> None:
    """Until the time is up, each request for anything of that source is 429 with what is left of it, unasked."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        upstream.script("/v2/", _limited(value))
        first = await get(proxy.url, _TAG)
        assert (first.status, error_of(first)[0]) == (429, "TOOMANYREQUESTS")
        assert first.header("Retry-After") == str(seconds)
        clock.advance(seconds / 2)
        for target in (_TAG, f"{PREFIX}/blobs/{image.small_digest}", f"{PREFIX}/tags/list"):
            again = await get(proxy.url, target)
            assert again.status == 429
            left = again.header("Retry-After")
            assert left is not None
            assert 0 < int(left) <= seconds / 2 + 1
        assert (await head(proxy.url, _TAG)).status == 429
        assert upstream.count() == 1
        assert clock.pauses == [], "a limit is no failure to be tried again at once"
        clock.advance(seconds / 2 + 0.01)
        assert (await get(proxy.url, _TAG)).body == image.manifest


async def test_what_is_held_is_served_meanwhile(tmp_path: Path) -> None:
    """Fresh content stays a hit, stale content is served and marked, and another source is asked as ever."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, FakeRegistry() as other:
        image, there = publish(upstream), publish(other, label="elsewhere")
        sources = source(upstream.url), source(other.url, "other")
        async with running(tmp_path, *sources, clock=clock) as proxy:
            for target in ("/manifests/v1", f"/blobs/{image.small_digest}"):
                await get(proxy.url, PREFIX + target)
                await stored(proxy.url, PREFIX + target)
            clock.advance(TAG_TTL + 1)
            upstream.always("/v2/", _limited("600"))
            upstream.clear()
            stale = await get(proxy.url, _TAG)
            assert (stale.status, stale.body) == (200, image.manifest)
            assert stale.header("Cache-Status") == "moorage; hit; detail=stale"
            for _ in range(3):
                assert (await get(proxy.url, _TAG)).header("Cache-Status") == "moorage; hit; detail=stale"
                blob = await get(proxy.url, f"{PREFIX}/blobs/{image.small_digest}")
                assert (blob.body, blob.header("Cache-Status")) == (image.small, "moorage; hit")
            assert upstream.count() == 1
            assert (await get(proxy.url, "/v2/other/team/app/manifests/v1")).body == there.manifest


async def test_a_token_service_that_limits_is_left_alone(tmp_path: Path) -> None:
    """429 from the token service counts like one from the source: repeats ask neither of them."""
    clock = SwiftClock()
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        image = publish(upstream)
        tokens.script("/token", _limited("45"))
        async with running(tmp_path, source(upstream.url, auth=_USER), clock=clock) as proxy:
            for _ in range(3):
                answer = await get(proxy.url, _TAG)
                assert (answer.status, answer.header("Retry-After")) == (429, "45")
            assert (upstream.pings, upstream.count(), tokens.count()) == (1, 0, 1)
            clock.advance(46)
            assert (await get(proxy.url, _TAG)).body == image.manifest


async def test_a_ping_that_is_limited_is_not_repeated(tmp_path: Path) -> None:
    """429 to the first question of all counts as well."""
    clock = SwiftClock()
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        image = publish(upstream)
        upstream.script("GET /v2/", _limited("45"))
        async with running(tmp_path, source(upstream.url, auth=_USER), clock=clock) as proxy:
            for _ in range(3):
                assert (await get(proxy.url, _TAG)).status == 429
            assert (upstream.pings, upstream.count(), tokens.count()) == (1, 0, 0)
            clock.advance(46)
            assert (await get(proxy.url, _TAG)).body == image.manifest
