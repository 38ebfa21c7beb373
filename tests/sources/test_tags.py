"""Tag lists: merged once, then cut for each client."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources.routes import ScriptedSource, list_of, oci_source, page, request

from proxy.core.errors import RequestError, SourceBroken
from proxy.core.wants import Presented
from proxy.sources import tags
from proxy.sources.routing import OciRoutes

_ROUTES = OciRoutes([oci_source("private", "https://example.com", hosts=("example.com",), default=True)])
_FIRST = "/v2/a/tags/list?n=1000"
_NAMES = ["1", "10", "2", "B", "_x", "a", "b"]


def _shown(query: str, name: str = "a") -> Presented:
    return list_of(_ROUTES, f"/v2/{name}/tags/list{query}").present(tags.from_names(_NAMES))


def _names(shown: Presented) -> list[str]:
    found: list[str] = json.loads(shown.body)["tags"]
    return found


@pytest.mark.parametrize(
    ("query", "expected", "more"),
    [
        ("", _NAMES, False),
        ("?n=3", _NAMES[:3], True),
        ("?n=7", _NAMES, False),
        ("?n=6", _NAMES[:6], True),
        ("?n=0", [], False),
        ("?n=00000000000000000000003", _NAMES[:3], True),
        ("?n=1000000000000000000", _NAMES, False),
        ("?n=" + "9" * 3000, _NAMES, False),
        ("?last=2", _NAMES[3:], False),
        ("?last=15", _NAMES[2:], False),
        ("?last=zzz", [], False),
        ("?last=", _NAMES, False),
        ("?n=2&last=2", ["B", "_x"], True),
        ("?n=2&last=_x", ["a", "b"], False),
        ("?n=2&last=b", [], False),
        ("?last=" + "x" * 4000, [], False),
        ("?last=%F0%9F%90%B3%0d%0a%ff", [], False),
        ("?n=1&n=x", ["1"], True),
    ],
)
def test_cuts(query: str, expected: list[str], more: bool) -> None:
    """`n` and `last` cut the list in lexical order; a link follows where tags are left; no `n` gives all of them."""
    shown = _shown(query)
    assert _names(shown) == expected
    assert ("Link" in shown.headers) is more


@pytest.mark.parametrize("count", ["-1", "abc", "1e18", "", "+1", "1.5", "%D9%A3", "1%20", "0x1", "%C2%B2"])
def test_wrong_counts(count: str) -> None:
    """What is no number of tags is a 400."""
    with pytest.raises(RequestError) as caught:
        _ROUTES.match(request(f"/v2/a/tags/list?n={count}"))
    assert caught.value.status == 400


def test_too_long_a_last() -> None:
    """10 kB of `last` is no target at all."""
    with pytest.raises(RequestError):
        request("/v2/a/tags/list?last=" + "x" * 10_000)


@given(st.lists(st.from_regex(r"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,6}\Z"), unique=True, max_size=12), st.integers(1, 5))
def test_following_links_gives_everything_once(names: list[str], count: int) -> None:
    """A client that follows the links sees every tag once and in order, under the name it asked by."""
    content, target, seen = tags.from_names(names), f"/v2/example.com/x/y/tags/list?n={count}&ns=example.com", []
    while True:
        shown = list_of(_ROUTES, target).present(content)
        assert json.loads(shown.body)["name"] == "example.com/x/y"
        seen += _names(shown)
        link = shown.headers.get("Link")
        if link is None:
            break
        found = re.fullmatch(r'<(/v2/example\.com/x/y/tags/list\?[!-~]*)>; rel="next"', link)
        assert found is not None
        target = found[1]
        assert parse_qs(urlsplit(target).query)["ns"] == ["example.com"]
    assert seen == sorted(names)


def test_the_name_is_the_client_s() -> None:
    """The answer repeats the name that was asked for, prefix and all, not the upstream's."""
    assert json.loads(_shown("", "private/a").body)["name"] == "private/a"
    assert json.loads(_shown("", "a").body)["name"] == "a"


async def test_pages_are_merged() -> None:
    """Tags of all pages, sorted and each once."""
    source = ScriptedSource(
        {
            _FIRST: page(b'{"name":"x","tags":["b","a"]}', "</v2/a/tags/list?c=1>; rel=next"),
            "/v2/a/tags/list?c=1": page(b'{"tags":["c","a"]}'),
        }
    )
    content = await list_of(_ROUTES, "/v2/a/tags/list").assemble(source)
    assert json.loads(content) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"tags":[]}', []),
        (b'{"tags":null}', []),
        (b'{"name":"a"}', []),
        (b"{}", []),
        (b'{"tags":["a",1,null,{},["b"],true]}', ["a"]),
        (b'{"tags":["a","\\ud800","b c","<script>","x\\r\\ny","","' + b"t" * 129 + b'"]}', ["a"]),
    ],
)
async def test_odd_lists(body: bytes, expected: list[str]) -> None:
    """Lists that are empty in any way are empty; what no tag can be called is left out."""
    content = await list_of(_ROUTES, "/v2/a/tags/list").assemble(ScriptedSource({_FIRST: page(body)}))
    assert json.loads(content) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"tags":"a"}',
        b'{"tags":{"a":1}}',
        b'{"tags":5}',
        b"null",
        b'{"tags":' + b"[" * 50_000,
    ],
)
async def test_no_lists(body: bytes) -> None:
    """Anything else than a list is the source's failure."""
    with pytest.raises(SourceBroken):
        await list_of(_ROUTES, "/v2/a/tags/list").assemble(ScriptedSource({_FIRST: page(body)}))


def test_a_list_can_be_made_of_held_tags() -> None:
    """Without the source, the tags held here are a list, and all of them are named by one scope."""
    want = list_of(_ROUTES, "/v2/a/tags/list")
    assert want.from_held is not None
    scope, make = want.from_held
    assert (scope.kind, scope.name, scope.reference) == ("tag", "a", "")
    assert _names(want.present(make(("b", "a")))) == ["a", "b"]
