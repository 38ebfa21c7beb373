"""What a source says it does not have is believed for a moment, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.faults import Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import PREFIX, REPOSITORY, SwiftClock, error_of, get, publish

_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("manifests/v9", "MANIFEST_UNKNOWN"),
        (f"manifests/{_DIGEST}", "MANIFEST_UNKNOWN"),
        (f"blobs/{_DIGEST}", "BLOB_UNKNOWN"),
    ],
)
@pytest.mark.parametrize("gone", [404, 410])
async def test_a_404_is_believed_for_its_time(target: str, code: str, gone: int, tmp_path: Path) -> None:
    """Within `negative_ttl` repeats cost nothing; after it the source is asked again."""
    clock = SwiftClock()
    cache = {"negative_ttl": "5s"}
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock, cache=cache) as proxy:
        publish(upstream)
        upstream.always("/v2/", Status(gone))
        for _ in range(3):
            answer = await get(proxy.url, f"{PREFIX}/{target}")
            assert (answer.status, error_of(answer)[0]) == (404, code)
            assert "source test does not have" in error_of(answer)[1]
        assert upstream.count() == 1
        clock.advance(5.1)
        assert (await get(proxy.url, f"{PREFIX}/{target}")).status == 404
        assert upstream.count() == 2


async def test_what_appears_is_seen_after_the_time(tmp_path: Path) -> None:
    """A tag that is pushed after a 404 is served once the 404 is no longer believed."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).status == 404
        image = publish(upstream)
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).status == 404
        clock.advance(5.1)
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == image.manifest


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
async def test_other_failures_are_not_remembered(status: int, tmp_path: Path) -> None:
    """A failure that is no 404 is asked again at once, and heals without waiting."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        image = publish(upstream)
        upstream.always("/v2/", Status(status))
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).status in {403, 502}
        upstream.clear_faults()
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == image.manifest


async def test_nothing_of_a_404_is_on_disk(tmp_path: Path) -> None:
    """After a restart a 404 is asked again: it was kept in memory only."""
    async with FakeRegistry() as upstream:
        async with running(tmp_path, source(upstream.url)) as proxy:
            await get(proxy.url, f"{PREFIX}/manifests/v1")
        publish(upstream, REPOSITORY)
        async with running(tmp_path, source(upstream.url)) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).status == 200
