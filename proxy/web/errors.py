"""The outward border: every error as the response its client understands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp.web import Response

from proxy.core.errors import MethodNotAllowed, MoorageError, RangeNotSatisfiable, SourceLimited


def error_response(error: MoorageError, *, registry: bool, headers: Mapping[str, str]) -> Response:
    """The response to an error: JSON with the specification's codes for registry clients, one sentence for others.

    The reason phrase of a 5xx is ours, because clients show that and not the body.
    """
    if registry:
        entry = {"code": error.code, "message": error.message}
        body, media_type = json.dumps({"errors": [entry]}).encode(), "application/json"
    else:
        body, media_type = f"{error.message}\n".encode(), "text/plain; charset=utf-8"
    response = Response(
        status=error.status,
        reason=error.reason if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
        body=body,
        headers={**headers, "Content-Type": media_type},
    )
    match error:
        case SourceLimited(retry_after=seconds):
            response.headers["Retry-After"] = str(seconds)
        case RangeNotSatisfiable(size=size):
            response.headers["Content-Range"] = f"bytes */{size}"
        case MethodNotAllowed():
            response.headers["Allow"] = "GET, HEAD"
    return response
