"""A raw HTTP/1.1 client on asyncio streams: sends exact bytes and tells a body that ended from one cut short."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_PIECE = 1 << 18
_LONGEST_LINE = 1 << 17
_STATUS_LINE = re.compile(r"HTTP/1\.[01] ([0-9]{3}) ?(.*)")


class WireError(Exception):
    """The other side did not speak HTTP, or closed before its head was whole."""


@dataclass(frozen=True, slots=True)
class Head:
    """A status line and the header lines, names as they came."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every line of a header."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """A whole answer; `complete` is False when the connection ended before the body's declared end."""

    head: Head
    body: bytes
    complete: bool

    @property
    def status(self) -> int:
        return self.head.status

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return self.head.header(name)


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a body that was hashed and not kept."""

    head: Head
    size: int
    sha256: str
    complete: bool


class Wire:
    """One connection. `complete` tells how the last body ended: True only after its declared end.

    A body that only closing ends counts as complete when the connection closed in order: nothing else can be told.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.reader = reader
        self.writer = writer
        self.complete = False
        self._host = host
        self._method = "GET"

    @classmethod
    async def connect(cls, url: str, tls: ssl.SSLContext | None = None) -> Wire:
        """Connect to the host and port of a URL; `tls` is needed for https."""
        address = urlsplit(url)
        assert address.hostname is not None
        reader, writer = await asyncio.open_connection(address.hostname, address.port, ssl=tls, limit=_LONGEST_LINE)
        return cls(reader, writer, address.netloc)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave, whether or not a body was under way."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        """Send exactly these bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def request(self, method: str, target: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send a request without a body; Host is added unless given."""
        self._method = method
        lines = list(headers)
        if not any(name.lower() == "host" for name, _ in lines):
            lines.insert(0, ("Host", self._host))
        text = "".join(f"{name}: {value}\r\n" for name, value in lines)
        await self.send(f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode("latin-1"))

    async def head(self) -> Head:
        """Read the next head; WireError when the connection ends before."""
        try:
            raw = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WireError("the connection closed before the head was whole") from error
        return parse_head(raw)

    async def body(self, head: Head) -> AsyncGenerator[bytes, None]:
        """The body of a head, in pieces as they arrive; sets `complete` at its end."""
        self.complete = False
        if self._method == "HEAD" or head.status in {204, 304} or head.status < 200:
            self.complete = True
            return
        length = head.header("content-length")
        try:
            if (head.header("transfer-encoding") or "").lower() == "chunked":
                async for piece in self._chunks():
                    yield piece
            elif length is not None:
                async for piece in self._counted(int(length)):
                    yield piece
            else:
                while piece := await self.reader.read(_PIECE):
                    yield piece
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        self.complete = True

    async def answer(self, method: str = "GET") -> WireAnswer:
        """Read one whole answer to a request of this method."""
        self._method = method
        head = await self.head()
        pieces = [piece async for piece in self.body(head)]
        return WireAnswer(head, b"".join(pieces), self.complete)

    async def closed(self) -> bool:
        """Wait for the next byte; True when the other side closed instead."""
        try:
            return not await self.reader.read(1)
        except ConnectionError:
            return True

    async def _counted(self, length: int) -> AsyncGenerator[bytes, None]:
        missing = length
        while missing:
            piece = await self.reader.read(min(_PIECE, missing))
            if not piece:
                raise asyncio.IncompleteReadError(b"", missing)
            missing -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        while size := int((await self.reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            async for piece in self._counted(size):
                yield piece
            await self.reader.readexactly(2)
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass


def parse_head(raw: bytes) -> Head:
    """Read a head that ends in an empty line; WireError when it is none."""
    status_line, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        raise WireError(f"not a status line: {status_line[:80]!r}")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise WireError(f"not a header line: {line[:80]!r}")
        headers.append((name, value.strip(" \t")))
    return Head(int(found[1]), found[2], tuple(headers))


async def ask(url: str, target: str, *, method: str = "GET", headers: Iterable[tuple[str, str]] = ()) -> WireAnswer:
    """One request on a connection of its own."""
    async with await Wire.connect(url) as wire:
        await wire.request(method, target, headers)
        return await wire.answer(method)


async def fetch(url: str, target: str, headers: Iterable[tuple[str, str]] = ()) -> Received:
    """GET on a connection of its own; the body is hashed as it comes and not kept."""
    async with await Wire.connect(url) as wire:
        await wire.request("GET", target, headers)
        head = await wire.head()
        size = 0
        running = hashlib.sha256()
        async for piece in wire.body(head):
            size += len(piece)
            running.update(piece)
        return Received(head, size, running.hexdigest(), wire.complete)
