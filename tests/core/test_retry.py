"""Retries: bounded, jittered, and deaf to nonsense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.retry import RetryRule, parse_retry_after

_NOW = 1_800_000_000.0


def _date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(_NOW, UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 1),
        ("1", 1),
        ("120", 120),
        (" 30 ", 30),
        ("86400", 86_400),
        ("86401", 86_400),
        ("1000000000", 86_400),
        ("9" * 5000, 86_400),
        ("1e9", 10),
        ("-5", 10),
        ("+5", 10),
        ("2.5", 10),
        ("²", 10),
        ("soon", 10),
        ("", 10),
        (None, 10),
        (_date(90), 90),
        (_date(-90), 1),
        (_date(20_000), 20_000),
        (_date(1e9), 86_400),
        ("Wed, 21 Oct 2015 07:28:00", 1),
        ("Fri, 31 Dec 999999999999 23:59:59 GMT", 10),
        ("Fri, 31 Dec 2030 23:59:59 +99999999999999999999", 10),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400),
    ],
)
def test_retry_after(header: str | None, seconds: int) -> None:
    """Numbers and dates are kept between a second and a day; nonsense counts as ten seconds."""
    assert parse_retry_after(header, now=_NOW) == seconds


@given(
    st.text(max_size=40)
    | st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{1,9} Dec [0-9]{1,9} [0-9]+:[0-9]+:[0-9]+ [+-]?[0-9]*\Z")
)
def test_any_retry_after(header: str) -> None:
    """No header raises or keeps us away for longer than a day."""
    assert 1 <= parse_retry_after(header, now=_NOW) <= 86_400


@pytest.mark.parametrize(("failures", "shortest", "longest"), [(1, 0.1, 0.2), (2, 0.2, 0.4)])
def test_pauses_grow(failures: int, shortest: float, longest: float) -> None:
    """Pauses double, between half and the whole of their ceiling."""
    rule = RetryRule()
    assert rule.pause(failures, lambda: 0.0) == pytest.approx(shortest)
    assert rule.pause(failures, lambda: 1.0) == pytest.approx(longest)


@pytest.mark.parametrize("failures", [3, 4, 1000])
def test_attempts_end(failures: int) -> None:
    """After the last attempt there is no pause but an end."""
    assert RetryRule(attempts=3).pause(failures, lambda: 1.0) is None


def test_pauses_have_a_ceiling() -> None:
    """Many failures do not overflow, and no pause is longer than its limit."""
    assert RetryRule(attempts=2000).pause(1000, lambda: 1.0) == 3.0
