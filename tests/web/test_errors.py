"""Errors as responses: status, code, headers and reason phrase of each kind."""

from __future__ import annotations

import json

import pytest

from proxy.core.errors import (
    Forbidden,
    MethodNotAllowed,
    Misdirected,
    Missing,
    MoorageError,
    Offline,
    RangeNotSatisfiable,
    RequestError,
    SourceBroken,
    SourceDenied,
    SourceLimited,
    SourceMissing,
    SourceTimeout,
    SourceUnreachable,
    StorageFailed,
)
from proxy.web.errors import error_response


@pytest.mark.parametrize(
    ("error", "status", "code", "reason"),
    [
        (RequestError("x"), 400, "UNSUPPORTED", "Bad Request"),
        (RequestError("x", code="NAME_INVALID"), 400, "NAME_INVALID", "Bad Request"),
        (Missing("x"), 404, "NAME_UNKNOWN", "Not Found"),
        (Forbidden("x"), 403, "DENIED", "Forbidden"),
        (MethodNotAllowed("x"), 405, "UNSUPPORTED", "Method Not Allowed"),
        (RangeNotSatisfiable(7), 416, "SIZE_INVALID", "Requested Range Not Satisfiable"),
        (Misdirected("x"), 421, "UNSUPPORTED", "Misdirected Request"),
        (SourceMissing("x"), 404, "NAME_UNKNOWN", "Not Found"),
        (SourceDenied("x"), 403, "DENIED", "Forbidden"),
        (SourceLimited("x", retry_after=7), 429, "TOOMANYREQUESTS", "Too Many Requests"),
        (SourceUnreachable("x"), 502, "UNAVAILABLE", "The source is unreachable"),
        (SourceTimeout("x"), 504, "UNAVAILABLE", "The source timed out"),
        (SourceBroken("x"), 502, "UNAVAILABLE", "The source sent something wrong"),
        (Offline("x"), 504, "UNAVAILABLE", "Offline and not cached"),
        (StorageFailed("x"), 503, "UNAVAILABLE", "The cache cannot write"),
        (MoorageError("x"), 500, "UNKNOWN", "Internal error"),
    ],
)
def test_each_kind(error: MoorageError, status: int, code: str, reason: str) -> None:
    """Every error has its status and code; the status line of a 5xx is a sentence of ours."""
    response = error_response(error, registry=True, headers={"X-Request-Id": "00ff"})
    assert (response.status, response.reason) == (status, reason)
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"errors": [{"code": code, "message": error.message}]}
    assert response.headers["X-Request-Id"] == "00ff"
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (SourceLimited("x", retry_after=7), "Retry-After", "7"),
        (RangeNotSatisfiable(7), "Content-Range", "bytes */7"),
        (MethodNotAllowed("x"), "Allow", "GET, HEAD"),
    ],
)
def test_headers(error: MoorageError, name: str, value: str) -> None:
    """What a client needs to go on stands in a header."""
    assert error_response(error, registry=False, headers={}).headers[name] == value


def test_foreign_text_is_quoted() -> None:
    """Markup in a message is text of a JSON string, or plain text that is not to be sniffed."""
    message = '<script>"\r\n\u2028'
    response = error_response(RequestError(message), registry=True, headers={})
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["errors"][0]["message"] == message
    assert error_response(RequestError(message), registry=False, headers={}).content_type == "text/plain"
