"""Names and tags: the grammar, checked against a slow and independent reading of the specification."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.names import _REPOSITORY, is_repository, is_tag, looks_like_host

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


def _is_separator(text: str) -> bool:
    return text in {".", "_", "__"} or (text != "" and set(text) == {"-"})


def _is_component(text: str) -> bool:
    """Alphanumerics, joined by single separators: cut at every border and judge the parts."""
    parts = re.split(r"([^a-z0-9]+)", text)
    words, separators = parts[::2], parts[1::2]
    return all(word and _LETTERS.issuperset(word) for word in words) and all(map(_is_separator, separators))


def _slow_is_repository(name: str) -> bool:
    return len(name) <= 255 and all(_is_component(component) for component in name.split("/"))


@given(st.text("ab0._-/", max_size=14) | st.text("aA9._-/:@%é٣\n ", max_size=14))
def test_repository_names_against_an_oracle(name: str) -> None:
    """The expression and a reading by hand of the grammar agree on every name."""
    assert is_repository(name) is _slow_is_repository(name)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a/b",
        "library/nginx",
        "a/b/c/d/e/f",
        "a__b",
        "a_b",
        "a.b",
        "a-b",
        "a----b",
        "0/1",
        "x" * 255,
        "a.b_c-d__e/f",
    ],
)
def test_repository_names(name: str) -> None:
    """Names of any depth."""
    assert is_repository(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a/B",
        "a___b",
        "a..b",
        "a._b",
        "a-_b",
        ".a",
        "a.",
        "-a",
        "a-",
        "_a",
        "a_",
        "a:b",
        "a@b",
        "a b",
        "a\n",
        "a\x00",
        "é",
        "a\u0301",
        "²",
        "٣",
        "x" * 256,
        "a/../b",
        "con.",
    ],
)
def test_no_repository_names(name: str) -> None:
    """What the grammar leaves out, Unicode digits and a last line end included."""
    assert not is_repository(name)


@pytest.mark.parametrize("tag", ["latest", "v1.0", "_x", "A", "0", "a" * 128, "1.0-rc.1_2", "a..b", "a-"])
def test_tags(tag: str) -> None:
    """Tags of up to 128 characters."""
    assert is_tag(tag)


@pytest.mark.parametrize(
    "tag", ["", ".x", "-x", "a" * 129, "a/b", "a:b", "a b", "a\n", "é", "٣", "a+b", "a@b", ".INVALID_MANIFEST_NAME"]
)
def test_no_tags(tag: str) -> None:
    """What can never be a tag."""
    assert not is_tag(tag)


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ("docker.io", True),
        ("localhost", True),
        ("localhost:5000", True),
        ("host:5000", True),
        ("library", False),
        ("localhosts", False),
        ("", False),
    ],
)
def test_host_like_components(component: str, expected: bool) -> None:
    """A dot, a colon or `localhost` marks a registry."""
    assert looks_like_host(component) is expected


@pytest.mark.parametrize("unit", ["a", "a-", "a--", "a__", "a.", "-", "a/", "a-/", "0_", "aaaaaaaaaaaaaaaa-"])
@pytest.mark.parametrize("end", ["!", "_", "\n", "/", "A"])
def test_hostile_names_end(unit: str, end: str) -> None:
    """Names built to make a backtracking matcher try every split are refused; exponential work would never end.

    The length limit is set aside by asking the expression itself, with 200 kB.
    """
    assert _REPOSITORY.fullmatch(unit * (200_000 // len(unit)) + end) is None
