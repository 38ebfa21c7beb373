"""Durations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.units import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5s", 5),
        ("10m", 600),
        ("1h30m", 5_400),
        ("1d", 86_400),
        ("1d2h3m4s", 93_784),
        ("90m", 5_400),
        ("0s", 0),
        ("60", 60),
        ("0.25", 0.25),
        (60, 60),
        (0, 0),
        (0.5, 0.5),
        ("forever", math.inf),
        (math.inf, math.inf),
    ],
)
def test_reads_a_duration(written: object, seconds: float) -> None:
    """Every documented form means its seconds."""
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "5 s",
        "m5",
        "30m1h",
        "5s5s",
        "1w",
        "-1s",
        "+1s",
        "1.5h",
        "10M",
        "\u0665s",
        "5s\n",
        "Forever",
        "inf",
        "nan",
        "1e400",
        -1,
        -0.5,
        -math.inf,
        math.nan,
        10**400,
        "99999999999d",
        True,
        None,
        ["5s"],
    ],
)
def test_refuses_what_is_no_duration(written: object) -> None:
    """Anything else is a ValueError that does not repeat the value."""
    with pytest.raises(ValueError, match=r"duration") as caught:
        parse_duration(written)
    assert not str(written).strip() or str(written) not in str(caught.value).replace("forever", "")


@given(st.one_of(st.floats(min_value=0, max_value=LONGEST), st.integers(0, int(LONGEST)), st.just(math.inf)))
def test_reads_back_what_it_writes(seconds: float) -> None:
    """Formatting and parsing give exactly the same seconds again."""
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999), st.integers(0, 999))
def test_adds_up_the_units(days: int, hours: int, minutes: int, seconds: int) -> None:
    """A duration is the sum of its parts, however large each is."""
    total = days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == total


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text leads to anything but a non-negative number or a ValueError."""
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0
