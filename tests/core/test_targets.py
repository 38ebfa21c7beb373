"""Request targets: what is read, what is refused, and that what is read can be written back."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import RequestError
from proxy.core.targets import LONGEST_TARGET, encode_path, parse_target

_PRINTABLE = st.text(max_size=20).filter(str.isprintable)


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        ("/", ("",)),
        ("/v2", ("v2",)),
        ("/v2/", ("v2", "")),
        ("/v2/a/manifests/latest", ("v2", "a", "manifests", "latest")),
        ("/v2//a", ("v2", "", "a")),
        ("//v2/a", ("", "v2", "a")),
        ("/v2/%61/b", ("v2", "a", "b")),
        ("/v2/caf%C3%A9", ("v2", "café")),
        ("/v2/a%3Fb", ("v2", "a?b")),
        ("/v2/a%20b", ("v2", "a b")),
        ("/v2/a/...", ("v2", "a", "...")),
        ("/v2/a..b", ("v2", "a..b")),
        ("/v2/100%25", ("v2", "100%")),
        ("/v2/a?x=/../..", ("v2", "a")),
    ],
)
def test_segments(raw: str, segments: tuple[str, ...]) -> None:
    """Segments are split raw and decoded once; empty ones are kept."""
    assert parse_target(raw).segments == segments


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "v2/",
        "*",
        "http://localhost/v2/",
        "localhost:80",
        "?x=/v2/",
        "/v2/../x",
        "/v2/./x",
        "/v2/..",
        "/v2/%2e%2e/x",
        "/v2/%2E%2e",
        "/v2/.%2e",
        "/v2/%2e",
        "/v2/..%2fx",
        "/v2/a%2f..%2fb",
        "/v2/a%2F%2e%2Fb",
        "/v2/%252e%252e/x",
        "/v2/%252f",
        "/v2/%25%32%65",
        "/v2/..%5cx",
        "/v2/a\\b",
        "/v2/%5C",
        "/v2/%00",
        "/v2/a%0d%0aSet-Cookie:x",
        "/v2/%7f",
        "/v2/%c2%85",
        "/v2/%e2%80%ae",
        "/v2/%ef%bb%bf",
        "/v2/%c0%ae%c0%ae",
        "/v2/%ff",
        "/v2/%ed%a0%80",
        "/v2/\udcff",
        "/v2/%",
        "/v2/%4",
        "/v2/%zz",
        "/v2/%u002e",
        "/" + "a" * LONGEST_TARGET,
        "/?" + "&".join(["a=1"] * 33),
    ],
)
def test_refused(raw: str) -> None:
    """What is no plain path, or could be read as another one somewhere else, is a 400."""
    with pytest.raises(RequestError) as caught:
        parse_target(raw)
    assert caught.value.status == 400


def test_the_longest_target() -> None:
    """The limit counts the whole target, and what just fits is read."""
    assert parse_target("/" + "a" * (LONGEST_TARGET - 1)).segments == ("a" * (LONGEST_TARGET - 1),)


@pytest.mark.parametrize(("raw", "encoded"), [("/a%2Fb", True), ("/a%2fb", True), ("/a/b", False), ("/a%20b", False)])
def test_encoded_slashes_are_told(raw: str, encoded: bool) -> None:
    """An encoded slash is inside its segment, and reported, because only some routes may have one."""
    assert parse_target(raw).encoded_slash is encoded


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("/a?ns=docker.io", "docker.io"),
        ("/a?ns=one&ns=two", "one"),
        ("/a?x=1&ns=a%2Fb", "a/b"),
        ("/a?ns=", ""),
        ("/a?ns", ""),
        ("/a?NS=x", None),
        ("/a?", None),
        ("/a", None),
        ("/a?ns=%ff", "�"),
        ("/a?ns=a?b", "a?b"),
    ],
)
def test_parameters(raw: str, value: str | None) -> None:
    """The first value of a parameter, decoded; odd bytes never raise."""
    assert parse_target(raw).parameter("ns") == value


@given(st.lists(_PRINTABLE, min_size=1, max_size=6))
def test_what_is_read_is_written_back(segments: list[str]) -> None:
    """Encoding segments and reading them again gives the same segments, or the reading is refused."""
    path = encode_path(tuple(segments))
    try:
        found = parse_target(path)
    except RequestError:
        odd = [s for s in segments if s in {".", ".."} or "\\" in s or "%" in s or "/" in s]
        assert odd
        return
    assert found.segments == tuple(segments)
    assert encode_path(found.segments) == path


@given(st.text(max_size=60).map(lambda text: "/" + text) | st.text(max_size=30))
def test_any_text_is_read_or_refused(raw: str) -> None:
    """No text raises anything but a RequestError, and nothing read holds what paths must not."""
    try:
        target = parse_target(raw)
    except RequestError:
        return
    for segment in target.segments:
        assert segment.isprintable()
        assert "\\" not in segment
        assert not {".", ".."}.intersection(segment.split("/"))


@given(st.binary(max_size=40))
def test_any_escaped_bytes_are_read_or_refused(data: bytes) -> None:
    """Every byte sequence in escapes is refused, or decodes as UTF-8 and is free of control characters."""
    try:
        target = parse_target("/" + quote(data, safe=""))
    except RequestError:
        return
    assert target.segments == (data.decode(),)
