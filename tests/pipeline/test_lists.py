"""Tag lists: merged over pages, kept, and put together from what is held when the source cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.answers import Answer
from fakes.content import Held
from fakes.faults import Fault, Headers, Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.server import FakeOrigin
from pipeline.scene import PREFIX, REPOSITORY, TAG_TTL, SwiftClock, get, head, image_manifest, publish, tags_of

_LIST = f"{PREFIX}/tags/list"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _page(document: object, *headers: tuple[str, str]) -> Status:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Status(200, (("Content-Type", "application/json"), *headers), body)


@pytest.mark.parametrize("page_size", [1, 2, 7, None])
async def test_pages_are_merged(page_size: int | None, tmp_path: Path) -> None:
    """However the upstream pages its tags, one answer holds them all, once each, in lexical order."""
    async with FakeRegistry(page_size=page_size) as upstream, running(tmp_path, source(upstream.url)) as proxy:
        names = ["v10", "v9", "latest", "V1", "a-b", "a.b", "a_b"]
        upstream.add_manifest(REPOSITORY, image_manifest("one"), _MANIFEST, *names)
        assert tags_of(await get(proxy.url, _LIST)) == sorted(names)


async def test_the_source_is_down_and_no_list_was_kept(tmp_path: Path) -> None:
    """The tags that are held make a list, marked as partial; offline, after a restart, and of no other repository."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        for tag in ("v2", "v1"):
            publish(upstream, tag=tag, label=tag)
            publish(upstream, "other/one", tag="other")
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            for tag in ("v2", "v1"):
                await get(proxy.url, f"{PREFIX}/manifests/{tag}")
            await head(proxy.url, "/v2/test/other/one/manifests/other")
            await upstream.stop()
            partial = await get(proxy.url, _LIST)
            assert tags_of(partial) == ["v1", "v2"]
            assert partial.header("Cache-Status") == "moorage; hit; detail=partial"
            assert partial.header("Warning") == '299 - "Partial list: only what is cached here"'
        async with running(tmp_path, source(upstream.url), clock=clock, cache={"offline": True}) as proxy:
            assert tags_of(await get(proxy.url, _LIST)) == ["v1", "v2"]
            assert tags_of(await get(proxy.url, f"{_LIST}?n=1")) == ["v1"]
            assert (await get(proxy.url, "/v2/test/never/seen/tags/list")).status == 504
        await upstream.start()
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            whole = await get(proxy.url, _LIST)
            assert whole.header("Warning") is None


async def test_a_kept_list_goes_before_a_partial_one(tmp_path: Path) -> None:
    """A list that the source once gave is served stale rather than one made from what is held."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        upstream.set_tag(REPOSITORY, "v2", publish(upstream).manifest_digest)
        await get(proxy.url, _LIST)
        await get(proxy.url, f"{PREFIX}/manifests/v1")
        await upstream.stop()
        clock.advance(TAG_TTL + 1)
        answer = await get(proxy.url, _LIST)
        assert (tags_of(answer), answer.header("Cache-Status")) == (["v1", "v2"], "moorage; hit; detail=stale")


async def test_a_list_that_breaks_off_is_none(tmp_path: Path) -> None:
    """When a later page fails nothing is served as the whole, and the kept list stays."""
    clock = SwiftClock()
    async with FakeRegistry(page_size=1) as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        for tag in ("v1", "v2", "v3"):
            publish(upstream, tag=tag)
        upstream.always("cursor=", Status(500))
        assert (await get(proxy.url, _LIST)).status == 502
        upstream.clear_faults()
        assert tags_of(await get(proxy.url, _LIST)) == ["v1", "v2", "v3"]
        publish(upstream, tag="v4")
        upstream.always("cursor=", Status(500))
        clock.advance(TAG_TTL + 1)
        answer = await get(proxy.url, _LIST)
        assert tags_of(answer) == ["v1", "v2", "v3"]
        assert answer.header("Cache-Status") == "moorage; hit; detail=stale"


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        ({"name": REPOSITORY, "tags": None}, []),
        ({"name": REPOSITORY}, []),
        ({"tags": []}, []),
        ({"tags": ["b", "a", "a", 5, None, {"x": 1}, ["c"]]}, ["a", "b"]),
        (b'{"tags": ["ok", "\\ud800", "../x", "<b>", ""]}', ["ok"]),
    ],
)
async def test_unusual_lists_are_read(document: object, tags: list[str], tmp_path: Path) -> None:
    """No tags, null tags, entries that are no names: what is left is the list, paged or not."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        upstream.always("/tags/list", _page(document))
        assert tags_of(await get(proxy.url, _LIST)) == tags
        for query in ("?n=1", "?n=0", "?last=a", "?n=1&last=a"):
            assert (await get(proxy.url, _LIST + query)).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        _page(b"<html>log in</html>"),
        _page(b""),
        _page([]),
        _page({"tags": "v1"}),
        _page({"tags": {"v1": 1}}),
        _page(b"[" * 100_000),
        _page(b'{"tags":' + b"[" * 100_000),
        _page(b'{"tags": [1' + b"0" * 10_000 + b"]}"),
        _page(b"\xff\xfe{}"),
        Status(206, (("Content-Range", "bytes 0-12/500"),), b'{"tags":["a"]}'),
        Status(204),
    ],
    ids=lambda fault: f"{fault.code} {fault.body[:20]!r}",
)
async def test_what_is_no_list_is_an_error(fault: Status, tmp_path: Path) -> None:
    """A body that cannot be a tag list is 502 and is not kept."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        publish(upstream)
        upstream.always("/tags/list", fault)
        assert (await get(proxy.url, _LIST)).status == 502
        upstream.clear_faults()
        assert tags_of(await get(proxy.url, _LIST)) == ["v1"]


@pytest.mark.parametrize(
    "link",
    [
        '</v2/{repository}/tags/list?page=again>; rel="next"',
        '<{other}/v2/{repository}/tags/list?page=2>; rel="next"',
        '<//{other_host}/v2/{repository}/tags/list?page=2>; rel="next"',
        '<{other}:x/v2/>; rel="next"',
        '<//[::1/v2/>; rel="next"',
        '<javascript:alert(1)>; rel="next"',
        '<@{other_host}/v2/x>; rel="next"',
        '<http:{other_host}/v2/x>; rel="next"',
        "<" + "/v2/x" * 5000 + '>; rel="next"',
        '</v2/é\x01>; rel="next"',
    ],
)
async def test_a_link_never_leaves_the_source_or_runs_for_ever(link: str, tmp_path: Path) -> None:
    """Links in circles and to elsewhere end in an error or a list, within bounds; the other host is not asked."""
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        publish(upstream)
        value = link.replace("{repository}", REPOSITORY).replace("{other_host}", other.host)
        fault: Fault = Headers((("Link", value.replace("{other}", other.url)),))
        upstream.always("/tags/list", fault)
        other.put(f"/v2/{REPOSITORY}/tags/list", Answer(content=Held(b'{"tags":["foreign"]}')))
        async with running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
            answer = await get(proxy.url, _LIST)
        assert answer.status in {200, 404, 502}
        assert b"foreign" not in answer.body
        assert other.connections == 0
        assert upstream.count() <= 101


def _next_page(number: int) -> tuple[str, str]:
    return "Link", f'</v2/{REPOSITORY}/tags/list?page={number}>; rel="next"'


async def test_a_list_of_many_pages(tmp_path: Path) -> None:
    """A registry that gives few names at a time has its whole list merged, however many pages that are."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        pages = [_page({"tags": [f"v{number}"]}, _next_page(number + 1)) for number in range(150)]
        upstream.script("/tags/list", *pages, _page({"tags": ["last"]}))
        assert len(tags_of(await get(proxy.url, _LIST))) == 151


async def test_endless_pages_are_given_up(tmp_path: Path) -> None:
    """A list that always has one more page is an error once it has 64 MiB in all."""
    body = b'{"tags":["a"]}'.ljust(4 * 1024 * 1024)
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        upstream.script("/tags/list", *(_page(body, _next_page(number)) for number in range(20)))
        assert (await get(proxy.url, _LIST)).status == 502
        assert upstream.count() == 16
