"""What a token service's answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.auth.tokenreply import parse_token_reply

_NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def _usable(**fields: object) -> float:
    return parse_token_reply(json.dumps({"token": "t", **fields}).encode(), _NOW.timestamp()).usable


def _ago(seconds: float) -> str:
    return (_NOW - timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("expires_in", "usable"),
    [
        (300, 270),
        (60, 54),
        (59, 54),
        (0, 54),
        (-1, 54),
        (True, 54),
        ("300", 54),
        (None, 54),
        ([], 54),
        (90.5, 81.45),
        (1e99, 77760),
        (10**400, 77760),
        (float("inf"), 77760),
        (float("-inf"), 54),
        (float("nan"), 54),
    ],
)
def test_lifetimes(expires_in: object, usable: float) -> None:
    """A token is used for nine tenths of its life, which is at least a minute and at most a day."""
    assert _usable(expires_in=expires_in) == pytest.approx(usable)


def test_no_lifetime_is_a_minute() -> None:
    """Without `expires_in` the specification's minute counts."""
    assert _usable() == pytest.approx(54)


@pytest.mark.parametrize(
    ("issued_at", "usable"),
    [
        (_ago(0), 270),
        (_ago(100), 170),
        (_ago(211), 270),
        (_ago(10_000), 270),
        (_ago(-5), 270),
        ("2026-11-22T11:59:00.123456789Z", 210.123),
        ("2026-11-22T13:59:00+02:00", 210),
        ("2026-11-22T11:59:00", 270),
        ("0001-01-01T00:00:00Z", 270),
        ("yesterday", 270),
        (5, 270),
    ],
)
def test_issue_dates(issued_at: object, usable: float) -> None:
    """A token's age counts only where the two clocks agree enough to leave it a minute."""
    assert _usable(expires_in=300, issued_at=issued_at) == pytest.approx(usable, abs=0.01)


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        ({"token": "a"}, "a"),
        ({"access_token": "b"}, "b"),
        ({"token": "a", "access_token": "b"}, "a"),
        ({"token": "", "access_token": "b"}, "b"),
        ({"token": 5, "access_token": "b"}, "b"),
    ],
)
def test_both_names_of_the_token(fields: dict[str, object], token: str) -> None:
    """The token stands under either of its two names."""
    assert parse_token_reply(json.dumps(fields).encode(), 0).token == token


def test_refresh_tokens() -> None:
    """A new refresh token is handed on."""
    body = json.dumps({"token": "a", "refresh_token": "r"}).encode()
    assert parse_token_reply(body, 0).refresh_token == "r"
    assert parse_token_reply(b'{"token": "a"}', 0).refresh_token is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>canary</html>",
        b"[]",
        b'"canary"',
        b"{}",
        b'{"token": null}',
        b'{"token": ""}',
        b'{"token": "canary\\r\\nX-Evil: 1"}',
        b'{"token": "canary with spaces"}',
        b'{"token": "canary\\u00e9"}',
        b'{"token": "canary\\ud800"}',
        b"[" * 60_000,
        b'{"token": "canary", "expires_in": ' + b"9" * 60_000 + b"}",
        b"\xff\xfe",
    ],
)
def test_unusable_answers(body: bytes) -> None:
    """What holds no token that fits a header is refused with a reason that repeats nothing of it."""
    with pytest.raises(ValueError) as caught:
        parse_token_reply(body, 0)
    assert "canary" not in str(caught.value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "token": st.text() | st.integers(),
            "expires_in": st.integers() | st.floats() | st.text() | st.none(),
            "issued_at": st.text(alphabet="0123456789-:TZ+. ", max_size=30)
            | st.datetimes().map(lambda moment: moment.isoformat() + "+14:00"),
        },
    )
)
def test_any_object_is_survived(fields: dict[str, object]) -> None:
    """Any object gives a token that may be sent, for a time within the bounds, or a ValueError."""
    try:
        reply = parse_token_reply(json.dumps(fields).encode(), _NOW.timestamp())
    except ValueError:
        return
    assert reply.token.isascii()
    assert 54 <= reply.usable <= 77760
