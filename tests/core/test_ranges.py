"""Ranges: resolved against an oracle that cuts a byte string by the letter of RFC 9110 section 14."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import RangeNotSatisfiable
from proxy.core.ranges import RangeSpec, Span, parse_content_range, parse_range

_SIZES = st.integers(0, 12)
_ENDS = st.none() | st.integers(0, 15)


def _picked(content: bytes, first: int | None, last: int | None) -> bytes:
    """The bytes a range names, chosen one by one."""
    if first is None:
        assert last is not None
        return bytes(byte for place, byte in enumerate(content) if place >= len(content) - last)
    return bytes(byte for place, byte in enumerate(content) if place >= first and (last is None or place <= last))


@given(_SIZES, _ENDS, _ENDS)
def test_ranges_against_an_oracle(size: int, first: int | None, last: int | None) -> None:
    """Every form of a range gives the bytes that the oracle picks; none at all is a 416 that tells the size."""
    content = bytes(range(100, 100 + size))
    spec = parse_range(f"bytes={'' if first is None else first}-{'' if last is None else last}")
    if (first is None and last is None) or (first is not None and last is not None and last < first):
        assert spec is None
        return
    assert spec == RangeSpec(first, last)
    expected = _picked(content, first, last)
    if not expected:
        with pytest.raises(RangeNotSatisfiable) as caught:
            spec.resolve(size)
        assert caught.value.size == size
        return
    span = spec.resolve(size)
    assert content[span.start : span.stop] == expected
    assert span.length == len(expected)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=1-b",
        "bytes=0-1,3-4",
        "bytes=0-0," * 1000,
        "bytes=0-1,",
        "items=0-1",
        "bytes 0-1",
        "bytes=٠-٣",  # noqa: RUF001 -- Unicode digits are the point
        "bytes=²-",
        "bytes=+1-2",
        "bytes=-+1",
        "bytes=--1",
        "bytes=1--2",
        "bytes=1.0-2",
        "bytes=1 - 2",
        "bytes=1_0-20",
        "bytes=0x1-2",
        "bytes=" + "9" * 20 + "-",
        "bytes=0-" + "9" * 5000,
        "=0-1",
        "bytes=0-1=2",
    ],
)
def test_headers_that_mean_the_whole(header: str | None) -> None:
    """Several ranges, other units and wrong syntax are ignored: the whole is a right answer to each."""
    assert parse_range(header) is None


@pytest.mark.parametrize("header", ["bytes=0-4", "Bytes=0-4", "BYTES=0-4", "bytes= 0-4 ", "bytes=00-04"])
def test_spellings_of_one_range(header: str) -> None:
    """The unit has no case, and blanks around the range do not matter."""
    assert parse_range(header) == RangeSpec(0, 4)


@given(st.text("bytes=0123456789-,* /", max_size=30) | st.text(max_size=20))
def test_any_text(header: str) -> None:
    """No header raises, and what is read resolves inside the content or not at all."""
    spec = parse_range(header)
    parse_content_range(header)
    if spec is None:
        return
    try:
        span = spec.resolve(10)
    except RangeNotSatisfiable:
        return
    assert 0 <= span.start < span.stop <= 10


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 0-9/10", (Span(0, 10), 10)),
        ("bytes 3-9/10", (Span(3, 10), 10)),
        ("bytes 3-9/*", (Span(3, 10), None)),
        ("BYTES 0-0/1", (Span(0, 1), 1)),
        ("bytes 0-9/9", None),
        ("bytes 5-4/10", None),
        ("bytes */10", None),
        ("bytes 0-9", None),
        ("bytes 0-9/", None),
        ("bytes -9/10", None),
        ("bytes 0-/10", None),
        ("items 0-9/10", None),
        ("bytes 0-9/٣٣", None),
        ("bytes=0-9/10", None),
        ("", None),
        (None, None),
    ],
)
def test_content_ranges(header: str | None, expected: tuple[Span, int | None] | None) -> None:
    """Where a 206 says its bytes stand; anything that contradicts itself says nothing."""
    assert parse_content_range(header) == expected
