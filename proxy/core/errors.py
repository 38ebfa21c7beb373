"""Every way a request can fail, each with the status and code its client sees.

Two families: what the client asked wrongly (`RequestError`) and what a source did wrongly (`SourceError`).
A message says what happened, to which source, and what to do next; it never holds a secret or a signed
URL's query. `code` is the distribution specification's where it has one (spec.md, "Error Codes").
`reason` is a fixed sentence for the status line, because clients show nothing else of a 5xx.
"""

from __future__ import annotations


class MoorageError(Exception):
    """A failure with an answer: the base of both families."""

    status = 500
    code = "UNKNOWN"
    reason = "Internal error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code if code is not None else type(self).code


class RequestError(MoorageError):
    """The client asked wrongly; nothing was asked upstream and nothing is on disk for it."""

    status = 400
    code = "UNSUPPORTED"
    reason = "Bad request"


class Missing(RequestError):
    """What was asked for is not there: no such route, source or content."""

    status = 404
    code = "NAME_UNKNOWN"
    reason = "Not found"


class Forbidden(RequestError):
    """The door does not let this client or this kind of request in."""

    status = 403
    code = "DENIED"
    reason = "Forbidden"


class MethodNotAllowed(RequestError):
    """Reading is all we do; the message says where to write instead."""

    status = 405
    reason = "Method not allowed"


class RangeNotSatisfiable(RequestError):
    """The asked range starts behind the end; `size` is what there is, in bytes."""

    status = 416
    code = "SIZE_INVALID"
    reason = "Range not satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"the range starts behind the end: there are {size} bytes")
        self.size = size


class Misdirected(RequestError):
    """The Host header names somebody else (RFC 9110 section 15.5.20)."""

    status = 421
    reason = "Misdirected request"


class SourceError(MoorageError):
    """A source did not give what was asked of it; stale content may stand in."""

    status = 502
    code = "UNAVAILABLE"
    reason = "The source failed"


class SourceMissing(SourceError):
    """The source says 404: the one failure that is an answer, so nothing stale stands in."""

    status = 404
    code = "NAME_UNKNOWN"
    reason = "Not found"


class SourceDenied(SourceError):
    """The source refused our credential. 403 and never 401: the client has nothing to log in with."""

    status = 403
    code = "DENIED"
    reason = "The source denied access"


class SourceLimited(SourceError):
    """The source says 429; `retry_after` is how many seconds it wants to be left alone."""

    status = 429
    code = "TOOMANYREQUESTS"
    reason = "The source limits requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceUnreachable(SourceError):
    """No usable answer came: refused, reset, unknown name, TLS, 5xx. Asking again may help."""

    reason = "The source is unreachable"


class SourceTimeout(SourceUnreachable):
    """The source took longer than a limit allows to connect, to answer or to go on."""

    status = 504
    reason = "The source timed out"


class SourceBroken(SourceError):
    """The source answered with something that cannot be right: a wrong digest, type, length or redirect."""

    reason = "The source sent something wrong"


class Offline(SourceError):
    """Offline mode, and what was asked for is not held."""

    status = 504
    reason = "Offline and not cached"


class StorageFailed(MoorageError):
    """The disk refused a write: full, read-only or gone. Content is then served through, not kept."""

    status = 503
    code = "UNAVAILABLE"
    reason = "The cache cannot write"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` are whole sentences, one for each mistake."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
