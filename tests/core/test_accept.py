"""Accept: what is read, and that an earlier answer stands in only where the upstream would repeat it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.accept import (
    ANYTHING,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Accepts,
    media_type_of,
    parse_accept,
)

_TYPES = st.sampled_from([*MANIFEST_TYPES, "application/vnd.example.one", "application/vnd.example.two"])
_ACCEPTS = st.builds(Accepts, st.frozensets(_TYPES, min_size=1), anything=st.just(False)) | st.just(ANYTHING)


@pytest.mark.parametrize(
    ("values", "types", "anything"),
    [
        ([OCI_INDEX], {OCI_INDEX}, False),
        ([f"{OCI_INDEX}, {OCI_MANIFEST}"], {OCI_INDEX, OCI_MANIFEST}, False),
        ([OCI_INDEX, OCI_MANIFEST], {OCI_INDEX, OCI_MANIFEST}, False),
        ([OCI_INDEX.upper()], {OCI_INDEX}, False),
        ([f" {OCI_INDEX} ;q=0.5 ,,"], {OCI_INDEX}, False),
        ([f"{OCI_INDEX};q=0, {OCI_MANIFEST}"], {OCI_MANIFEST}, False),
        ([f"{OCI_INDEX}; q=0.000, {OCI_MANIFEST}"], {OCI_MANIFEST}, False),
        ([f"{OCI_INDEX};Q=0., {OCI_MANIFEST}"], {OCI_MANIFEST}, False),
        ([f"{OCI_INDEX};v=1;q=0, {OCI_MANIFEST}"], {OCI_MANIFEST}, False),
        ([f"{OCI_INDEX};q=0.001, {OCI_MANIFEST}"], {OCI_INDEX, OCI_MANIFEST}, False),
        ([f"{OCI_INDEX}, */*;q=0"], {OCI_INDEX}, False),
        ([f"{OCI_INDEX}, text/<b>"], {OCI_INDEX}, False),
    ],
)
def test_named_types(values: list[str], types: set[str], anything: bool) -> None:
    """Types are read from one header or several, whatever their case; a weight of zero takes one out."""
    assert parse_accept(values) == Accepts(frozenset(types), anything=anything)


@pytest.mark.parametrize(
    "values", [[], [""], ["*/*"], ["application/*"], ["nonsense"], [f"{OCI_INDEX}, */*"], [";q=1"]]
)
def test_anything(values: list[str]) -> None:
    """No header, a wildcard and nonsense all ask for anything, in one and the same question."""
    assert parse_accept(values) == ANYTHING


def test_unusual_types_beside_a_wildcard() -> None:
    """What is named beside a wildcard is asked for as well."""
    accepts = parse_accept(["application/vnd.wasm.config.v0+json, */*"])
    assert accepts.anything
    assert "application/vnd.wasm.config.v0+json" in accepts.types
    assert accepts.header().endswith("application/vnd.wasm.config.v0+json, */*")


@given(st.permutations([OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST, "application/x.a", "application/x.b"]))
def test_the_upstream_sees_one_order(types: list[str]) -> None:
    """The order of a client's types does not reach the upstream."""
    expected = Accepts(frozenset(types), anything=False).header()
    assert parse_accept([", ".join(types)]).header() == expected
    assert set(expected.split(", ")) == set(types)


@given(st.lists(st.text(max_size=40), max_size=4) | st.lists(st.text("a/*;q=0., +-", max_size=60), max_size=3))
def test_any_header(values: list[str]) -> None:
    """No header raises; what goes upstream is plain ASCII of bounded length without line ends."""
    header = parse_accept(values).header()
    assert header
    assert header.isascii()
    assert header.isprintable()


def test_many_types_are_bounded() -> None:
    """A client cannot make us send a long header."""
    accepts = parse_accept([", ".join(f"application/x.{number}" for number in range(500))])
    assert len(accepts.types) == 24


@given(
    _ACCEPTS,
    _ACCEPTS,
    st.permutations([*MANIFEST_TYPES, "application/vnd.example.one", "application/vnd.example.two"]),
)
def test_an_answer_holds_for_a_narrower_question(wide: Accepts, narrow: Accepts, preference: list[str]) -> None:
    """Where an answer is let stand in, an upstream that prefers types in any fixed order would repeat it."""

    def upstream(question: Accepts) -> str | None:
        return next((found for found in preference if question.admits(found)), None)

    answer = upstream(wide)
    if answer is not None and wide.covers(narrow) and narrow.admits(answer):
        assert upstream(narrow) == answer


def test_an_answer_to_a_narrow_question_is_none_to_a_wide_one() -> None:
    """A client that also takes an index is not given the manifest that another one had to put up with."""
    narrow = parse_accept([OCI_MANIFEST])
    assert not narrow.covers(parse_accept([f"{OCI_MANIFEST}, {OCI_INDEX}"]))
    assert not narrow.covers(ANYTHING)
    assert not parse_accept([f"{OCI_MANIFEST}, {OCI_INDEX}"]).covers(ANYTHING)


def _registry(held: str, question: Accepts) -> str | None:
    """What a registry gives for a tag: what it holds, or an image out of an index to clients that take no index."""
    if question.admits(held):
        return held
    image = OCI_MANIFEST if held == OCI_INDEX else DOCKER_MANIFEST
    return image if held in INDEX_TYPES and question.admits(image) else None


@given(st.sampled_from([OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST]), _ACCEPTS, _ACCEPTS)
def test_an_answer_that_settles_another_question(held: str, asked: Accepts, other: Accepts) -> None:
    """Where one answer settles another question, the registry that gave it gives the same to that one."""
    answer = _registry(held, asked)
    if answer is not None and asked.settles(other, answer):
        assert _registry(held, other) == answer


def test_what_settles() -> None:
    """An index serves every client that takes one; an image serves others only where no index can be behind it."""
    image, both = parse_accept([OCI_MANIFEST]), parse_accept([OCI_MANIFEST, OCI_INDEX])
    every = parse_accept([OCI_MANIFEST, OCI_INDEX, DOCKER_LIST])
    assert both.settles(every, OCI_INDEX)
    assert both.settles(ANYTHING, OCI_INDEX)
    assert every.settles(ANYTHING, OCI_MANIFEST)
    assert not image.settles(both, OCI_MANIFEST)
    assert not both.settles(every, OCI_MANIFEST)
    assert not both.settles(image, OCI_INDEX)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"{OCI_INDEX}; charset=utf-8", OCI_INDEX),
        (OCI_INDEX.upper(), OCI_INDEX),
        ("text/html", "text/html"),
        ("", None),
        (None, None),
        ("text", None),
        ("text/", None),
        ("/html", None),
        ("a/b/c", None),
        ("text/ht ml", None),
        ("text/html\r\nSet-Cookie: x", None),
        ("téxt/html", None),
        ("text/<script>", None),
    ],
)
def test_content_types(header: str | None, expected: str | None) -> None:
    """The media type alone; odd forms count as none, so that no foreign text gets into a header of ours."""
    assert media_type_of(header) == expected


def test_long_types_are_no_types() -> None:
    """A media type has 255 characters at most (RFC 6838), in a question and in an answer."""
    longest = "application/" + "x" * 243
    assert parse_accept([f"{longest}, {longest}x"]).types == {longest}
    assert media_type_of(longest) == longest
    assert media_type_of(longest + "x") is None
