"""Request targets: split raw, decoded once, checked; what cannot be written back to the same path is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from proxy.core.errors import RequestError

LONGEST_TARGET = 4096
_MOST_PARAMETERS = 32
# Left bare when a path is written for an upstream: unreserved and sub-delimiters, ":" and "@" (RFC 3986, pchar).
_PATH_SAFE = "-._~!$&'()*+,;=:@"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class Target:
    """A request target: decoded path segments, whether any held an encoded slash, and the query's pairs."""

    segments: tuple[str, ...]
    encoded_slash: bool
    query: tuple[tuple[str, str], ...]

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


def parse_target(raw: str) -> Target:
    """Read the target of a request line; RequestError for whatever is not a plain origin-form path.

    Refused: absolute form, dot segments, control characters, backslashes, bad or double encoding, bytes that
    are not UTF-8. Empty segments are kept: whether `//` means anything is the route's business.
    """
    if len(raw) > LONGEST_TARGET:
        raise RequestError(f"the request target is longer than {LONGEST_TARGET} bytes")
    if not raw.startswith("/"):
        raise RequestError("the request target must be a path: this is no forward proxy")
    path, _, query = raw.partition("?")
    parts = tuple(path[1:].split("/"))
    pairs = _parse_query(query) if query else ()
    if "%" not in path:
        _check(parts)
        return Target(parts, encoded_slash=False, query=pairs)
    if _BAD_ESCAPE.search(path):
        raise RequestError("the path holds a broken percent escape")
    try:
        segments = tuple(unquote_to_bytes(part).decode() for part in parts)
    except UnicodeDecodeError:
        raise RequestError("the path is not UTF-8") from None
    _check(segments)
    if any(_ESCAPE.search(segment) for segment in segments):
        raise RequestError("the path is percent-encoded twice")
    return Target(segments, encoded_slash=any("/" in segment for segment in segments), query=pairs)


def encode_path(segments: tuple[str, ...]) -> str:
    """The path for an upstream, beginning with a slash, each segment encoded once."""
    return "".join("/" + quote(segment, safe=_PATH_SAFE) for segment in segments)


def _parse_query(query: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise RequestError(f"the query holds more than {_MOST_PARAMETERS} parameters") from None


def _check(segments: tuple[str, ...]) -> None:
    for segment in segments:
        if segment in {".", ".."}:
            raise RequestError("the path holds a dot segment")
        if "\\" in segment or not segment.isprintable():
            raise RequestError("the path holds a backslash or a control character")
        if any(part in {".", ".."} for part in segment.split("/")):
            raise RequestError("the path holds an encoded dot segment")
