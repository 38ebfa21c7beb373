"""What a HEAD teaches is a claim: it proves nothing, displaces nothing, and opens nothing by itself."""

from __future__ import annotations

from pathlib import Path

from fakes.faults import Headers, Html200, Status, Together, Unsized
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import PREFIX, TAG_TTL, SwiftClock, get, head, publish, stored

_TAG = f"{PREFIX}/manifests/v1"


async def test_a_tag_that_moved_out_of_reach_leaves_what_is_held(tmp_path: Path) -> None:
    """HEAD tells the new digest and GET is refused, as at a rate limit: the old image stands in, offline as well."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        first = publish(upstream)
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            await get(proxy.url, _TAG)
            second = publish(upstream, label="second one")
            clock.advance(TAG_TTL + 1)
            upstream.always("GET /v2/", Status(500))
            assert (await head(proxy.url, _TAG)).header("Docker-Content-Digest") == second.manifest_digest
            for _ in range(3):
                answer = await get(proxy.url, _TAG)
                assert answer.status == 200
                assert answer.body == first.manifest
                assert answer.header("Warning") == '110 - "Response is Stale"'
        async with running(tmp_path / "data", source(upstream.url), clock=clock, cache={"offline": True}) as proxy:
            assert (await get(proxy.url, _TAG)).body == first.manifest


async def test_a_web_page_opens_nobody_elses_blob(tmp_path: Path) -> None:
    """A source that answers a page to everything gives no leave to read what another source gave."""
    async with FakeRegistry() as private, FakeRegistry() as other:
        image = publish(private)
        other.always("/v2/", Html200())
        sources = (source(private.url), source(other.url, name="other"))
        async with running(tmp_path, *sources) as proxy:
            for digest in (image.large_digest, image.small_digest):
                await get(proxy.url, f"{PREFIX}/blobs/{digest}")
                await stored(proxy.url, f"{PREFIX}/blobs/{digest}")
                for method in (get, head):
                    answer = await method(proxy.url, f"/v2/other/any/thing/blobs/{digest}")
                    assert answer.status == 502


async def test_a_claim_without_a_size_opens_nobody_elses_blob(tmp_path: Path) -> None:
    """A source whose HEAD tells no size has to send the bytes itself, and they are checked."""
    async with FakeRegistry() as private, FakeRegistry() as other:
        image = publish(private)
        other.add_blob("any/thing", b"something else")
        other.always("/blobs/", Together((Status(200, body=b"x" * 300), Unsized())))
        sources = (source(private.url), source(other.url, name="other"))
        async with running(tmp_path, *sources) as proxy:
            await get(proxy.url, f"{PREFIX}/blobs/{image.large_digest}")
            await stored(proxy.url, f"{PREFIX}/blobs/{image.large_digest}")
            answer = await get(proxy.url, f"/v2/other/any/thing/blobs/{image.large_digest}")
            assert answer.status == 502 or not answer.complete
            assert image.large[:1000] not in answer.body


async def test_a_claim_ages(tmp_path: Path) -> None:
    """A blob that its source only claimed to have is 404 once it says so, after the time to live of a claim."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        target = f"{PREFIX}/blobs/sha256:{'3' * 64}"
        upstream.script("/blobs/", Status(200, body=b"whatever"))
        assert (await head(proxy.url, target)).status == 200
        clock.advance(TAG_TTL + 1)
        assert (await head(proxy.url, target)).status == 404


async def test_a_head_that_lies_about_a_held_tag_takes_nothing_away(tmp_path: Path) -> None:
    """HEAD answers 404 where GET gives the manifest: the tag stays, confirmed by GET."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        upstream.always("HEAD /v2/", Status(404))
        for _ in range(3):
            assert (await get(proxy.url, _TAG)).body == image.manifest
            clock.advance(TAG_TTL + 1)


async def test_a_tag_makes_its_digest_readable_where_the_content_came_from_elsewhere(tmp_path: Path) -> None:
    """HEAD by tag in a second repository, its content held through the first: tag and digest work offline there."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        image = publish(upstream)
        publish(upstream, repository="team/other")
        async with running(tmp_path / "data", source(upstream.url), clock=clock) as proxy:
            await get(proxy.url, _TAG)
            await head(proxy.url, "/v2/test/team/other/manifests/v1")
            assert (await get(proxy.url, "/v2/test/team/other/manifests/v1")).body == image.manifest
        async with running(tmp_path / "data", source(upstream.url), clock=clock, cache={"offline": True}) as proxy:
            for reference in ("v1", image.manifest_digest):
                answer = await get(proxy.url, f"/v2/test/team/other/manifests/{reference}")
                assert answer.body == image.manifest


async def test_a_head_that_names_another_blob_is_no_answer(tmp_path: Path) -> None:
    """A blob's HEAD whose Docker-Content-Digest contradicts the digest is refused."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        upstream.always("/blobs/", Headers((("Docker-Content-Digest", "sha256:" + "0" * 64),)))
        assert (await head(proxy.url, f"{PREFIX}/blobs/{image.small_digest}")).status == 502
