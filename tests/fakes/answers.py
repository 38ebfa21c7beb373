"""What a fake server is about to send: an answer as a value, which faults may spoil before it reaches the wire."""

from __future__ import annotations

import asyncio
import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from fakes.content import Content, Held, Window

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_NOTHING = Held()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it arrived. Header names are lower-case; repeated lines are joined by a comma and a space."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    target: str

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


class Framing(enum.Enum):
    """How the end of a body is told (RFC 9112 section 6)."""

    LENGTH = "content-length"
    CHUNKED = "chunked"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Hold:
    """A stop in the middle of an answer.

    When `after_bytes` of the body are out (None: before the status line), `reached` is set and nothing more is
    sent until `opened` is.
    """

    after_bytes: int | None
    opened: asyncio.Event
    reached: asyncio.Event


@dataclass(frozen=True, slots=True)
class Steps:
    """A body that goes out `size` bytes at a time, one step for each release of `permits`."""

    size: int
    permits: asyncio.Semaphore


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, complete with what shall go wrong with it.

    `declared` is a Content-Length that lies. `cut_after` is the number of body bytes after which the connection
    closes (-1: before the status line); `reset` makes that a TCP reset. `shift` moves the start of a 206, and
    `admits` says so in its Content-Range. `rate` is in bytes a second.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content: Content = _NOTHING
    dropped: frozenset[str] = frozenset()
    ranges: bool = False
    shift: int = 0
    admits: bool = False
    declared: int | None = None
    framing: Framing = Framing.LENGTH
    cut_after: int | None = None
    reset: bool = False
    holds: tuple[Hold, ...] = ()
    steps: Steps | None = None
    rate: float | None = None
    silent: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a header set so far."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def error_answer(status: int, code: str, message: str, *headers: tuple[str, str]) -> Answer:
    """An error document of the distribution specification (spec.md, "Error Codes")."""
    document = {"errors": [{"code": code, "message": message, "detail": None}]}
    return json_answer(document, *headers, status=status)


def json_answer(document: object, *headers: tuple[str, str], status: int = 200) -> Answer:
    """A JSON document with its media type."""
    body = Held(json.dumps(document).encode())
    return Answer(status, (("Content-Type", "application/json"), *headers), body)


def apply_range(answer: Answer, request: Recorded) -> Answer:
    """Narrow the answer to the range that was asked for (RFC 9110 section 14), if this answer does ranges."""
    asked = request.headers.get("range")
    if not answer.ranges or asked is None or answer.status != HTTPStatus.OK:
        return answer
    condition = request.headers.get("if-range")
    found = _RANGE.fullmatch(asked)
    if found is None or (condition is not None and condition != answer.header("ETag")):
        return answer
    size = answer.content.size
    start = int(found[1])
    end = min(int(found[2] or size - 1), size - 1)
    if start > end:
        return replace(
            answer,
            status=416,
            headers=(*answer.headers, ("Content-Range", f"bytes */{size}")),
            content=Held(),
        )
    begin = min(max(start + answer.shift, 0), size - 1)
    length = min(end - start + 1, size - begin)
    told = begin if answer.admits else start
    content_range = f"bytes {told}-{told + length - 1}/{size}"
    return replace(
        answer,
        status=206,
        headers=(*answer.headers, ("Content-Range", content_range)),
        content=Window(answer.content, begin, length),
    )


def encode_head(answer: Answer) -> bytes:
    """The status line and header lines, with the framing that the answer declares."""
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = list(answer.headers)
    if answer.framing is Framing.LENGTH:
        if answer.status not in {204, 304} and answer.header("Content-Length") is None:
            size = answer.content.size if answer.declared is None else answer.declared
            lines.append(("Content-Length", str(size)))
    elif answer.framing is Framing.CHUNKED:
        lines.append(("Transfer-Encoding", "chunked"))
    else:
        lines.append(("Connection", "close"))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines if name.lower() not in answer.dropped)
    return f"HTTP/1.1 {answer.status} {reason}\r\n{text}\r\n".encode("latin-1")
