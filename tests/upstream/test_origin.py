"""Where a credential may go, and where a redirect may lead: pure rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from proxy.core.errors import SourceBroken
from proxy.upstream.origin import next_hop, origin_of, origins_of

_HTTP = URL("http://registry.test:5000/v2/app/blobs/x")
_HTTPS = URL("https://registry.test/v2/app/blobs/x")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://a.test/x?y#z", "https://a.test"),
        ("https://a.test:443/", "https://a.test"),
        ("http://a.test:80", "http://a.test"),
        ("http://a.test:443", "http://a.test:443"),
        ("http://[::1]:5000/v2/", "http://[::1]:5000"),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, origin: str) -> None:
    """The default port is left out, everything behind the authority is gone."""
    assert origin_of(URL(text, encoded=True)) == origin


def test_configured_places_become_origins() -> None:
    """A bare host means https, as it does in the configuration."""
    assert origins_of(("cdn.test", "http://a.test:81", "b.test:444")) == {
        "https://cdn.test",
        "http://a.test:81",
        "https://b.test:444",
    }


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/elsewhere", "http://registry.test:5000/elsewhere"),
        ("other", "http://registry.test:5000/v2/app/blobs/other"),
        ("?a=b", "http://registry.test:5000/v2/app/blobs/x?a=b"),
        ("//cdn.test/x", "http://cdn.test/x"),
        ("https://cdn.test/x?Signature=a%2Fb+c%3D&k=~'()", "https://cdn.test/x?Signature=a%2Fb+c%3D&k=~'()"),
        ("http://cdn.test/%e2%82%ac//a/../b?q=%zz#part", "http://cdn.test/%e2%82%ac//a/../b?q=%zz"),
    ],
)
def test_a_target_is_taken_as_it_is_written(location: str, target: str) -> None:
    """Nothing of a signed URL is encoded anew; only the fragment, which is never sent, goes."""
    assert str(next_hop(_HTTP, location, source="test")) == target


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "file:///etc/passwd",
        "ftp://a.test/x",
        "javascript:alert(1)",
        "data:text/plain,x",
        "http://user@a.test/",
        "http://user:word@a.test/",
        "http://:80/",
        "http://[::1",
        "http://a.test:99999/",
        "http://a.test:x/",
        "http://a\\@b.test/",
        "http://\u20ac\ud800/",
    ],
)
def test_a_target_that_is_no_web_address_is_refused(location: str | None) -> None:
    """Other schemes, user information, broken authorities and nothing at all are errors that name the source."""
    with pytest.raises(SourceBroken, match="source test redirects"):
        origin_of(next_hop(_HTTP, location, source="test"))


@pytest.mark.parametrize("location", ["http://registry.test/v2/", "http://cdn.test/", "HTTP://cdn.test/"])
def test_https_is_never_left_for_http(location: str) -> None:
    """Not even to the same host."""
    with pytest.raises(SourceBroken, match="from https to http"):
        next_hop(_HTTPS, location, source="test")


@given(st.text(max_size=60))
def test_any_text_is_a_web_address_or_an_error(location: str) -> None:
    """No Location that an upstream may write raises anything else, or leads to another scheme."""
    try:
        reached = origin_of(next_hop(_HTTPS, location, source="test"))
    except SourceBroken as refused:
        reached = refused.message
    assert reached.startswith(("https://", "source test redirects"))
