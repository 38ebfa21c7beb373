"""Walking pages: opaque cursors are followed; other hosts, circles and endless lists are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources.routes import ScriptedSource, page
from yarl import URL

from proxy.core.errors import SourceBroken
from proxy.core.wants import Page, Place
from proxy.sources.lists import MOST_PAGES, Pages, next_link

_FIRST = "/v2/a/tags/list?n=1000"


async def _walk(source: ScriptedSource, base_path: str = "") -> list[bytes]:
    pages = Pages(Place("private", _FIRST, "a"), base_path)
    return [found.body async for found in pages.walk(source)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ('</x>; rel="next"', "/x"),
        ("</x>; rel=next", "/x"),
        ("</x>;rel=next", "/x"),
        ("</x> ; rel = next", "/x"),
        ('</x>; REL="NEXT"', "/x"),
        ('</x>; rel="next prev"', "/x"),
        ('</x>; rel="prev  next"', "/x"),
        ('</x>; title="a"; rel="next"', "/x"),
        ('</x>; title="a, b; rel=prev"; rel="next"', "/x"),
        ('</x>; title="say \\"hi\\", <y>"; rel="next"', "/x"),
        ("</x?a=1,2,3>; rel=next", "/x?a=1,2,3"),
        ("</x?a=1;b=2>; rel=next", "/x?a=1;b=2"),
        ("</p>; rel=prev, </x>; rel=next", "/x"),
        ('</p>; rel="prev",</x>; rel="next"', "/x"),
        ("</x>; rel=next, </y>; rel=next", "/x"),
        ("</x>; rel=prev; rel=next", None),
        ("</x>; rel=prev", None),
        ("</x>; rel=nextish", None),
        ("</x>; title=next", None),
        ("</x>; rel", None),
        ("</x>; rel=", None),
        ("</x>", None),
        ("/x; rel=next", None),
        ("</x; rel=next", None),
        ('</x>; title="rel=next', None),
        ("< /x >; rel=next", "/x"),
        (",,</x>; rel=next", "/x"),
    ],
)
def test_links(header: str | None, expected: str | None) -> None:
    """Commas in targets and quotes, several links and several relations are read as RFC 8288 has them."""
    assert next_link(header) == expected


@pytest.mark.parametrize("unit", ["<", "<>;", '<>;a="', "<>;rel=last, ", ' ;a="\\', "<>; a=b", ";", '"', " "])
def test_hostile_links_end(unit: str) -> None:
    """A header built to be read again and again is read in one go; 8 kB would otherwise take for ever."""
    assert next_link("<>" + unit * (8000 // len(unit))) is None


@given(st.text('<>;,="\\ relnxtp/', max_size=40))
def test_any_link(header: str) -> None:
    """No header raises; a target stands between angle brackets in it."""
    found = next_link(header)
    assert found is None or found in header


@pytest.mark.parametrize(
    ("link", "second"),
    [
        ("</v2/a/tags/list?cursor=abc%2Fdef==&n=2>; rel=next", "/v2/a/tags/list?cursor=abc%2Fdef==&n=2"),
        ("<?last=x>; rel=next", "/v2/a/tags/list?last=x"),
        ("<list?last=x>; rel=next", "/v2/a/tags/list?last=x"),
        ("<http://internal:5000/v2/a/tags/list?last=x>; rel=next", "/v2/a/tags/list?last=x"),
        ("<https://evil.example/v2/a/tags/list?last=x>; rel=next", "/v2/a/tags/list?last=x"),
        ("<//evil.example/v2/a/tags/list?last=x>; rel=next", "/v2/a/tags/list?last=x"),
        ("<https://user:password@evil.example/v2/a/tags/list?last=x#y>; rel=next", "/v2/a/tags/list?last=x"),
    ],
)
async def test_where_the_next_page_is(link: str, second: str) -> None:
    """The path and query of a link are followed as they are written; its scheme and host never are."""
    source = ScriptedSource({_FIRST: page(b"one", link), second: page(b"two")})
    assert await _walk(source) == [b"one", b"two"]


async def test_a_source_below_a_path() -> None:
    """The source's own path is not doubled, whether a link has it or not."""
    full = "</artifactory/v2/a/tags/list?last=x>; rel=next"
    short = "</v2/a/tags/list?last=y>; rel=next"
    source = ScriptedSource(
        {_FIRST: page(b"1", full), "/v2/a/tags/list?last=x": page(b"2", short), "/v2/a/tags/list?last=y": page(b"3")}
    )
    assert await _walk(source, "/artifactory") == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    "target",
    [
        "foo:.evil.example/x",
        "foo:@evil.example/x",
        "https:.evil.example/x",
        "mailto:evil.example",
        "javascript:x",
        "http://evil.example",
        "http://[::1/x",
        "http://[zz]/x",
        "/v2/a b",
        "/v2/\x7f",
        "/v2/é",
    ],
)
async def test_links_that_lead_out(target: str) -> None:
    """What would name another host behind the source's address, or is no address at all, ends the walk."""
    source = ScriptedSource({_FIRST: page(b"one", f"<{target}>; rel=next")})
    with pytest.raises(SourceBroken):
        await _walk(source)
    assert len(source.asked) == 1


@given(st.text(max_size=30) | st.text("abhtps:/.@#?%[]\\ \t", max_size=30))
def test_no_link_reaches_another_host(target: str) -> None:
    """Whatever a link says, the next address begins with the source's own, with a path behind its host."""
    pages = Pages(Place("private", _FIRST, "a"), "")
    try:
        found = pages._next_path(pages.first, f"<{target}>; rel=next")
    except SourceBroken:
        return
    if found is not None:
        address = URL("https://registry.example.com" + found, encoded=True)
        assert (address.host, address.port, address.user) == ("registry.example.com", 443, None)
        assert found.isascii()
        assert " " not in found


@pytest.mark.parametrize("target", [_FIRST, "", "?n=1000"])
async def test_circles(target: str) -> None:
    """A page that leads back is a circle."""
    source = ScriptedSource({_FIRST: page(b"one", f"<{target}>; rel=next")})
    with pytest.raises(SourceBroken, match=r"source private sent .* circle"):
        await _walk(source)
    assert len(source.asked) == 1


def _chain(length: int, body: bytes = b"x") -> ScriptedSource:
    """A list of so many pages."""
    paths = [_FIRST, *(f"/v2/a/tags/list?page={number}" for number in range(2, length + 1))]
    links = [*(f"<{path}>; rel=next" for path in paths[1:]), None]
    return ScriptedSource({path: page(body, link) for path, link in zip(paths, links, strict=True)})


async def test_the_most_pages() -> None:
    """Ten thousand pages are a list; one more is not, and the message says whose it is."""
    assert len(await _walk(_chain(MOST_PAGES))) == MOST_PAGES
    endless = _chain(MOST_PAGES + 1)
    with pytest.raises(SourceBroken, match="source private sent more than 10000 pages"):
        await _walk(endless)
    assert len(endless.asked) == MOST_PAGES


async def test_the_most_bytes() -> None:
    """Pages that are each small enough do not add up without end, and their addresses count as well."""
    source = _chain(20, bytes(4 * 1024 * 1024))
    with pytest.raises(SourceBroken, match="source private sent more than 67108864 bytes"):
        await _walk(source)
    assert len(source.asked) == 16


async def test_pages_are_asked_with_the_same_rights() -> None:
    """Every page is asked of the same source with the same repository and Accept."""
    source = _chain(3)
    first = Place("private", _FIRST, "a", accept="application/json")
    found: list[Page] = [one async for one in Pages(first, "").walk(source)]
    assert len(found) == 3
    assert {(place.source, place.repository, place.accept) for place in source.asked} == {
        ("private", "a", "application/json")
    }
