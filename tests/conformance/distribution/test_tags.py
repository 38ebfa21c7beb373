"""Listing tags (spec.md, "Listing Tags"; the suites' "Content Discovery" and `read-only/tag-list` checks)."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from conformance.distribution.published import (
    MODERN,
    NULL_REPOSITORY,
    PAGED,
    REPOSITORY,
    TAGS,
    TAGS_REPOSITORY,
    UNTAGGED_REPOSITORY,
)
from conformance.distribution.stage import Scene, error_code, next_page
from fakes.wire import WireAnswer

pytestmark = pytest.mark.asyncio(loop_scope="session")

TARGET = f"/v2/{PAGED}/{TAGS_REPOSITORY}/tags/list"
SORTED = sorted(TAGS)


def tags_of(answer: WireAnswer, name: str = f"{PAGED}/{TAGS_REPOSITORY}") -> list[str]:
    """The tags of a list, which has to be one under the name that the client used."""
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json"
    document = json.loads(answer.body)
    assert document["name"] == name
    tags: list[str] = document["tags"]
    assert isinstance(tags, list)
    return tags


async def test_all_tags_when_no_number_is_given(scene: Scene) -> None:
    """Without `n` the list is whole and lexical though the upstream gives it in pages: some clients read one page."""
    before = scene.asked
    answer = await scene.get(TARGET)
    assert tags_of(answer) == SORTED
    assert next_page(answer) is None
    scene.check_quiet(before)


async def test_head_tells_the_length(scene: Scene) -> None:
    """HEAD has the head of the GET and no body."""
    got, told = await scene.get(TARGET), await scene.ask("HEAD", TARGET)
    assert told.status == 200
    assert told.body == b""
    assert told.header("Content-Length") == got.header("Content-Length") == str(len(got.body))


async def test_the_number_of_tags_is_limited(scene: Scene) -> None:
    """`n` gives exactly so many, the first in order, and a link."""
    for number in (1, 2, 5, len(TAGS) - 1):
        answer = await scene.get(f"{TARGET}?n={number}")
        assert tags_of(answer) == SORTED[:number]
        assert next_page(answer) is not None


async def test_a_number_beyond_the_end(scene: Scene) -> None:
    """As many tags as there are, or more, leave nothing to link to."""
    for number in (len(TAGS), len(TAGS) + 1, 10_000, 10**30):
        answer = await scene.get(f"{TARGET}?n={number}")
        assert tags_of(answer) == SORTED
        assert next_page(answer) is None


async def test_no_tags_at_all(scene: Scene) -> None:
    """`n=0` is an empty list without a link."""
    answer = await scene.get(f"{TARGET}?n=0")
    assert tags_of(answer) == []
    assert next_page(answer) is None


async def test_what_is_no_number(scene: Scene) -> None:
    """An `n` that is no number is refused and asks no upstream."""
    before = scene.asked
    for number in ("-1", "x", "1.5", "", "%D9%A3"):
        answer = await scene.get(f"{TARGET}?n={number}")
        assert answer.status == 400, number
        assert error_code(answer)
    assert scene.asked == before


async def test_the_start_is_set_by_last(scene: Scene) -> None:
    """`last` splits the list exactly behind every tag, with and without `n`."""
    for number, tag in enumerate(SORTED, start=1):
        following = SORTED[number:]
        assert tags_of(await scene.get(f"{TARGET}?last={tag}")) == following
        assert tags_of(await scene.get(f"{TARGET}?n=1&last={tag}")) == following[:1]
        assert tags_of(await scene.get(f"{TARGET}?last={tag}&n=3")) == following[:3]


async def test_last_need_not_be_a_tag(scene: Scene) -> None:
    """`last` is a place in the order; behind the end there is an empty list, never null."""
    for last, count in (("v1.0.0", 5), ("", 11), ("zz", 1), ("{", 0), ("%E2%82%AC", 0)):
        assert tags_of(await scene.get(f"{TARGET}?last={last}")) == SORTED[len(SORTED) - count :]


@pytest.mark.parametrize("number", [1, 3, 4])
async def test_the_links_lead_to_the_end(scene: Scene, number: int) -> None:
    """A client that follows the links on our origin and prefix sees every tag once, in order, and then no link."""
    seen: list[str] = []
    target: str | None = f"{TARGET}?n={number}"
    while target is not None:
        assert target.startswith(TARGET)
        assert parse_qs(urlsplit(target).query)["n"] == [str(number)]
        answer = await scene.get(target)
        page = tags_of(answer)
        assert len(page) == number or next_page(answer) is None
        seen += page
        assert len(seen) <= len(SORTED), "the links run in a circle"
        target = next_page(answer)
    assert seen == SORTED


async def test_the_links_keep_the_namespace(scene: Scene) -> None:
    """A client that names the registry by `ns` is led on by `ns`, and told that it was understood."""
    (host,) = {upstream.host for upstream in scene.upstreams[2:]}
    target: str | None = f"/v2/{TAGS_REPOSITORY}/tags/list?n=4&ns={host}"
    seen: list[str] = []
    while target is not None:
        answer = await scene.get(target)
        assert answer.header("OCI-Namespace") == host
        seen += tags_of(answer, TAGS_REPOSITORY)
        assert len(seen) <= len(SORTED), "the links run in a circle"
        target = next_page(answer)
    assert seen == SORTED


@pytest.mark.parametrize("name", [UNTAGGED_REPOSITORY, NULL_REPOSITORY])
async def test_an_empty_list_is_never_null(scene: Scene, name: str) -> None:
    """A repository without tags has an empty list, also where the upstream says null."""
    for query in ("", "?n=5", "?n=0", "?last=a"):
        answer = await scene.get(f"/v2/{PAGED}/{name}/tags/list{query}")
        assert tags_of(answer, f"{PAGED}/{name}") == []
        assert next_page(answer) is None


async def test_the_tags_of_the_read_only_suite(scene: Scene) -> None:
    """`read-only/tag-list`: each tag that can be pulled is listed."""
    answer = await scene.get(f"/v2/{MODERN}/{REPOSITORY}/tags/list")
    assert tags_of(answer, f"{MODERN}/{REPOSITORY}") == sorted(scene.published.tags)


async def test_the_list_of_a_missing_repository(scene: Scene) -> None:
    """`NAME_UNKNOWN` alone, by which a client knows that there is no such package, while the upstream can say so."""
    answer = await scene.get(f"/v2/{PAGED}/acme/none/tags/list")
    scene.check_never_asked(answer, "NAME_UNKNOWN")


async def test_a_list_that_cannot_be_confirmed_says_so(scene: Scene) -> None:
    """Only where no upstream can be asked is a list marked as stale."""
    answer = await scene.get(TARGET)
    assert (answer.header("Warning") is not None) == scene.state.cut_off
