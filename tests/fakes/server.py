"""A small HTTP/1.1 server on asyncio streams, below any HTTP library so that it can lie at the byte level."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote

from fakes.answers import Answer, Framing, Recorded, apply_range, encode_head
from fakes.faults import Fault

_PIECE = 1 << 18
_LINGER_ZERO = struct.pack("ii", 1, 0)


class FakeServer:
    """Serves on a free port of 127.0.0.1, records every request, and spoils answers as a test says.

    Subclasses say what the right answer is. `challenges` counts answers with status 401, `body_bytes_sent` the
    bytes that went out of all bodies.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Recorded] = []
        self.connections = 0
        self.challenges = 0
        self.body_bytes_sent = 0
        self._tls = tls
        self._port = 0
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._scripts: dict[str, deque[Fault]] = {}
        self._habits: dict[str, Fault] = {}
        self._news = asyncio.Condition()

    def answer(self, request: Recorded) -> Answer:
        """The right answer to a request."""
        raise NotImplementedError

    @property
    def host(self) -> str:
        """Address and port, as in a Host header."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Scheme, address and port, without a slash at the end."""
        return f"{'http' if self._tls is None else 'https'}://{self.host}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; a start after a stop takes the same port again."""
        if self._server is not None:
            return
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self._port, ssl=self._tls, limit=1 << 17, backlog=1024
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close every connection and the listener: from then on connecting is refused."""
        if self._server is None:
            return
        self._server.close()
        conversations = list(self._conversations)
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def script(self, pattern: str, *faults: Fault) -> None:
        """Spoil the next requests whose `METHOD target` contains the pattern, one fault each, then none."""
        self._scripts.setdefault(pattern, deque()).extend(faults)

    def always(self, pattern: str, fault: Fault) -> None:
        """Spoil every request whose `METHOD target` contains the pattern, until `clear_faults`."""
        self._habits[pattern] = fault

    def clear_faults(self) -> None:
        """Be honest from now on."""
        self._scripts.clear()
        self._habits.clear()

    def count(self, method: str | None = None, path: str = "") -> int:
        """How many requests came with this method whose path contains `path`; pings are not counted."""
        return sum(
            path in request.path and method in {None, request.method}
            for request in self.requests
            if not is_ping(request)
        )

    @property
    def pings(self) -> int:
        """How many requests asked for `/v2/` alone."""
        return sum(is_ping(request) for request in self.requests)

    def clear(self) -> None:
        """Forget the requests recorded so far."""
        self.requests.clear()
        self.connections = 0
        self.challenges = 0
        self.body_bytes_sent = 0

    async def seen(self, number: int = 1, method: str | None = None, path: str = "") -> None:
        """Wait until that many such requests have arrived."""
        async with self._news:
            await self._news.wait_for(lambda: self.count(method, path) >= number)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        conversation = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                async with self._news:
                    self._news.notify_all()
                answer = apply_range(self._spoiled(request), request)
                self.challenges += answer.status == HTTPStatus.UNAUTHORIZED
                if answer.silent:
                    await reader.read()
                    return
                if not await self._send(answer, request, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _spoiled(self, request: Recorded) -> Answer:
        answer = self.answer(request)
        line = f"{request.method} {request.target}"
        for pattern, fault in self._habits.items():
            if pattern in line:
                answer = fault.spoil(answer)
        for pattern, queue in self._scripts.items():
            if queue and pattern in line:
                return queue.popleft().spoil(answer)
        return answer

    async def _send(self, answer: Answer, request: Recorded, writer: asyncio.StreamWriter) -> bool:
        """Send the answer; True when the connection can carry another request."""
        await _hold(answer, None)
        if answer.cut_after is not None and answer.cut_after < 0:
            _drop(writer, reset=answer.reset)
            return False
        writer.write(encode_head(answer))
        if request.method != "HEAD" and not await self._send_body(answer, writer):
            await writer.drain()
            _drop(writer, reset=answer.reset)
            return False
        if answer.framing is Framing.CHUNKED and request.method != "HEAD":
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        lied = answer.declared not in {None, answer.content.size} or answer.header("Content-Length") is not None
        told = "content-length" not in answer.dropped and not lied
        return answer.framing is not Framing.CLOSE and (told or request.method == "HEAD")

    async def _send_body(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        """Send the body up to its end or to where it is cut; True when it got to its end."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for offset, length in _pieces(answer):
            await _hold(answer, offset)
            if answer.cut_after == offset:
                return False
            if answer.steps is not None:
                await answer.steps.permits.acquire()
            data = answer.content.read(offset, length)
            if answer.framing is Framing.CHUNKED:
                writer.write(f"{len(data):x}\r\n".encode())
                data += b"\r\n"
            writer.write(data)
            await writer.drain()
            self.body_bytes_sent += length
            if answer.rate is not None:
                await asyncio.sleep(begin + (offset + length) / answer.rate - loop.time())
        await _hold(answer, answer.content.size)
        return answer.cut_after != answer.content.size


class FakeOrigin(FakeServer):
    """A plain server that gives bytes for paths: where a redirect may lead."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self._answers: dict[str, Answer] = {}

    def put(self, path: str, answer: Answer) -> str:
        """Answer this path so from now on, whatever its query; returns its full URL."""
        self._answers[path] = answer
        return self.url + path

    def answer(self, request: Recorded) -> Answer:
        """What was put at the path, or 404."""
        return self._answers.get(request.path, Answer(404))


def is_ping(request: Recorded) -> bool:
    """Whether a request only asks for the API's root (distribution specification, end-1)."""
    return request.path in {"/v2", "/v2/"}


async def _read_request(reader: asyncio.StreamReader) -> Recorded | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = _read_headers(lines)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    return Recorded(method, unquote(path), pairs, headers, body, target)


def _read_headers(lines: list[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers


def _pieces(answer: Answer) -> Iterator[tuple[int, int]]:
    """Offsets and lengths to send, with a border wherever something is to happen."""
    size = answer.content.size
    stops = {hold.after_bytes for hold in answer.holds} | {answer.cut_after, size}
    borders = sorted(stop for stop in stops if stop is not None and 0 < stop <= size)
    largest = _PIECE if answer.steps is None else answer.steps.size
    offset = 0
    for border in borders:
        while offset < border:
            length = min(largest, border - offset)
            yield offset, length
            offset += length


async def _hold(answer: Answer, position: int | None) -> None:
    for hold in answer.holds:
        if hold.after_bytes == position:
            hold.reached.set()
            await hold.opened.wait()


def _drop(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if reset and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        writer.transport.abort()
    writer.close()
