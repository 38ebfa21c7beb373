"""Clients that fetch one object and drop it: how long until the first byte of content, how long until the last.

The content is discarded in the kernel (MSG_TRUNC), so that many clients at once stay cheaper than any server.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from dataclasses import dataclass

from benchmarks.processes import BenchmarkError

_PIECE = 1 << 20
_LONGEST_HEAD = 16 << 10
_STALL_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Download:
    """Seconds from the request to the first and to the last byte of the content."""

    first_byte: float
    seconds: float


def download(port: int, path: str, *, size: int, accept: str = "*/*") -> Download:
    """Fetch one object on a new connection."""
    return download_together(port, path, size=size, clients=1, accept=accept)[0]


def download_together(port: int, path: str, *, size: int, clients: int, accept: str = "*/*") -> list[Download]:
    """Fetch one object with many clients at the same moment.

    BenchmarkError if any of them gets anything else than 200 with exactly `size` bytes.
    """
    head = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: benchmarks\r\n"
        f"Accept: {accept}\r\nConnection: close\r\n\r\n"
    ).encode()
    with contextlib.ExitStack() as opened:
        selector = opened.enter_context(selectors.DefaultSelector())
        connections = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(clients)]
        for connection in connections:
            asking = _Client(connection, size)
            asking.ask(head)
            selector.register(connection, selectors.EVENT_READ, asking)
        done: list[Download] = []
        while len(done) < clients:
            ready = selector.select(_STALL_LIMIT)
            if not ready:
                raise BenchmarkError(f"nothing arrived for {_STALL_LIMIT:.0f} s")
            for key, _ in ready:
                client: _Client = key.data
                finished = client.receive()
                if finished is not None:
                    selector.unregister(client.connection)
                    done.append(finished)
        return done


class _Client:
    """One client between its request and its last byte."""

    _sink = memoryview(bytearray(_PIECE))

    def __init__(self, connection: socket.socket, size: int) -> None:
        self.connection = connection
        self._size = size
        self._head = b""
        self._missing: int | None = None
        self._asked = 0.0
        self._first_byte = 0.0

    def ask(self, head: bytes) -> None:
        """Send the request; the time runs from here."""
        self._asked = time.perf_counter()
        self.connection.sendall(head)

    def receive(self) -> Download | None:
        """Take what has arrived; a Download when that was the last of it."""
        arrived = self._receive_head() if self._missing is None else self._receive_content()
        if self._missing is None or not arrived:
            return None
        now = time.perf_counter() - self._asked
        self._first_byte = self._first_byte or now
        self._missing -= arrived
        return Download(self._first_byte, now) if self._missing <= 0 else None

    def _receive_head(self) -> int:
        """How many bytes of content came with the end of the head."""
        piece = self.connection.recv(_LONGEST_HEAD)
        self._head += piece
        head, end, content = self._head.partition(b"\r\n\r\n")
        if not piece or (not end and len(head) > _LONGEST_HEAD):
            raise BenchmarkError("a connection was closed without an answer")
        if not end:
            return 0
        status, *lines = head.lower().split(b"\r\n")
        if b" 200 " not in status or b"content-length: %d" % self._size not in lines:
            raise BenchmarkError(f"expected 200 and {self._size} bytes, got: {status.decode()}")
        self._missing = self._size
        return len(content)

    def _receive_content(self) -> int:
        arrived = self.connection.recv_into(self._sink, _PIECE, socket.MSG_TRUNC)
        if not arrived:
            raise BenchmarkError(f"a connection was closed {self._missing} bytes before the end")
        return arrived
