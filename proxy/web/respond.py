"""The one place where bytes leave: each body by the cheapest means that is right for it.

The HTTP library's own file response is not used: it answers with a sibling `name.gz`, makes ETags of its own and
takes Range with a stale If-Range (all tried).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp.web import BaseRequest, StreamResponse

from proxy.cache.bodies import FileBody, HeldBody, StreamBody
from proxy.core.errors import MoorageError, StorageFailed
from proxy.core.ranges import Span, parse_range
from proxy.pipeline.answers import Answer
from proxy.web.exchange import Exchange
from proxy.web.finished import FinishedResponse

_logger = logging.getLogger(__name__)

# One call sends for as long as the client reads as fast: a whole GiB in a tenth of a second (measured), in which
# nobody else would be served.
_SENDFILE_STEP = 4 * 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def send(
    request: BaseRequest, answer: Answer, headers: Mapping[str, str], exchange: Exchange
) -> StreamResponse:
    """Send an answer, whole or the range that was asked; the response that is under way or done.

    How much of the body left is told to the exchange, also when this raises.
    """
    described = {**headers, **_describe(answer)}
    if answer.digest is not None and _has_already(request, answer):
        return FinishedResponse(HTTPStatus.NOT_MODIFIED, described, body=b"", length=None)
    if answer.body is None or request.method == "HEAD":
        return FinishedResponse(HTTPStatus.OK, described, body=b"", length=answer.size)
    span = _asked_span(request, answer)
    status = HTTPStatus.OK
    if span is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        described["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{answer.size}"
    match answer.body:
        case HeldBody(content):
            part = content if span is None else content[span.start : span.stop]
            exchange.sent = len(part)
            return FinishedResponse(status, described, body=part, length=len(part))
        case FileBody(descriptor, size):
            response = _begin(status, described)
            await _send_file(request, descriptor, span or Span(0, size), response, exchange)
        case body:
            response = _begin(status, described)
            await _send_stream(request, body, span, response, exchange)
    return response


def _begin(status: HTTPStatus, headers: Mapping[str, str]) -> StreamResponse:
    response = StreamResponse(status=status)
    response.headers.update(headers)
    return response


def _describe(answer: Answer) -> dict[str, str]:
    described = {**answer.headers, "Cache-Status": answer.trace.header()}
    if answer.media_type:
        described["Content-Type"] = answer.media_type
    if answer.digest is not None:
        described["Docker-Content-Digest"] = str(answer.digest)
        described["ETag"] = f'"{answer.digest}"'
        described["Accept-Ranges"] = "bytes"
    if answer.trace.stale:
        described["Warning"] = '110 - "Response is Stale"'
    if answer.trace.detail == "partial":
        described["Warning"] = '299 - "Partial list: only what is cached here"'
    return described


def _has_already(request: BaseRequest, answer: Answer) -> bool:
    """Whether the client says it holds this; quoted, weak or bare, as clients write it (RFC 9110 section 13.1.2)."""
    header = request.headers.get("If-None-Match")
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return "*" in tags or str(answer.digest) in tags


def _asked_span(request: BaseRequest, answer: Answer) -> Span | None:
    """The range to send, None for everything. Raises RangeNotSatisfiable."""
    asked = parse_range(request.headers.get("Range"))
    if asked is None or answer.size is None or answer.digest is None:
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition != f'"{answer.digest}"':
        return None
    return asked.resolve(answer.size)


async def _send_file(
    request: BaseRequest, descriptor: int, span: Span, response: StreamResponse, exchange: Exchange
) -> None:
    """A complete file, by the kernel alone."""
    response.content_length = span.length
    exchange.broken = True
    await response.prepare(request)
    loop, position, sent = asyncio.get_running_loop(), span.start, 1
    with open(os.dup(descriptor), "rb", buffering=0) as file:  # noqa: ASYNC230, PTH123 -- open already
        file.seek(span.start)
        try:
            while position < span.stop and sent:
                transport = request.transport
                if transport is None or transport.is_closing():
                    raise ConnectionResetError("the client left")
                sent = await loop.sendfile(transport, file, position, min(_SENDFILE_STEP, span.stop - position))
                position += sent
                await asyncio.sleep(0)
        finally:
            # Where sending fails, the position is the only thing that tells how far it came.
            exchange.sent = file.tell() - span.start
    exchange.broken = exchange.sent != span.length
    if exchange.broken:
        _logger.warning("a cached file became shorter while it was sent")
        if request.transport is not None:
            request.transport.close()


async def _send_stream(
    request: BaseRequest, body: StreamBody, span: Span | None, response: StreamResponse, exchange: Exchange
) -> None:
    """Content that is still arriving. What goes wrong closes the connection short: that is all a client can see."""
    start, stop = (0, body.size) if span is None else (span.start, span.stop)
    if stop is not None:
        response.content_length = stop - start
    exchange.broken = True
    await response.prepare(request)
    position = start
    try:
        async for piece in body.read(start, stop):
            await response.write(piece)
            position += len(piece)
        if stop is not None and position != stop:
            raise StorageFailed(f"the content ended after {position} bytes, and not {stop}")
        await response.write_eof()
        exchange.broken = False
    except MoorageError as failed:
        _logger.warning("a transfer was broken off: %s (request %s)", failed.message, exchange.request_id)
    finally:
        exchange.sent = position - start
        if exchange.broken:
            _break_off(request, response)


def _break_off(request: BaseRequest, response: StreamResponse) -> None:
    """End the connection so that the client sees that the body is not whole.

    Where nothing but the end of the connection ends the body (HTTP/1.0, its size unknown), an orderly end would say
    that it is whole (RFC 9112 section 8): there the connection is reset.
    """
    transport = request.transport
    if transport is None:
        return
    if response.chunked or response.content_length is not None:
        transport.close()
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
