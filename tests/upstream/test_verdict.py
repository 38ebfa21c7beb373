"""What a status means."""

from __future__ import annotations

import pytest

from proxy.core.errors import SourceBroken, SourceDenied, SourceMissing, SourceUnreachable
from proxy.core.wants import Place
from proxy.upstream.client import Asking
from proxy.upstream.verdict import judge

_PLACE = Place("test", "/v2/app/manifests/v1", "app")
_WHOLE = Asking("GET", _PLACE)


def _judge(status: int, asking: Asking = _WHOLE, *, redirected: bool = False) -> object:
    return judge(
        status,
        usable=asking.usable,
        source="test",
        path="/v2/app/manifests/v1",
        credential="a file",
        redirected=redirected,
    )


@pytest.mark.parametrize(
    ("asking", "usable"),
    [
        (_WHOLE, {200}),
        (Asking("GET", _PLACE, offset=5), {200, 206}),
        (Asking("HEAD", _PLACE, etag='"x"'), {200, 304}),
    ],
)
def test_only_what_was_asked_for_is_usable(asking: Asking, usable: set[int]) -> None:
    """A part is an answer to who asked for a part, a confirmation to who asked for one; no other status is."""
    assert {status for status in range(200, 600) if _judge(status, asking) is None} == usable


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, SourceMissing),
        (410, SourceMissing),
        (401, SourceDenied),
        (403, SourceDenied),
        *((status, SourceUnreachable) for status in (408, 416, 500, 502, 503, 504, 599)),
        *((status, SourceBroken) for status in (204, 206, 304, 300, 400, 405, 406, 418, 451)),
    ],
)
def test_each_failure_has_its_meaning(status: int, error: type[Exception]) -> None:
    """Only 404 and 410 say that something is missing; what may pass is worth asking again."""
    found = _judge(status)
    assert type(found) is error
    assert "source test" in str(found)


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410])
def test_behind_a_redirect_nothing_is_missing_or_denied(status: int) -> None:
    """A store of files does not speak for the registry: what it lacks or refuses is an error of the source."""
    found = _judge(status, redirected=True)
    assert type(found) is SourceBroken
    assert str(status) in str(found)


def test_a_refusal_names_the_credential_by_its_place() -> None:
    """The message says what was used and what to do."""
    assert "(used: a file); log in to it" in str(_judge(401))
