"""Listening: sockets that are ours or none, limits on heads, and an orderly end."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeAlias

from aiohttp.web import BaseRequest, RequestHandler, Server, ServerRunner, SockSite, StreamResponse

from proxy.core.errors import ConfigError

DRAIN_LIMIT = 10.0
"""Seconds that running transfers get to end when we stop."""

_BACKLOG = 1024
_IDLE_LIMIT = 30.0
_LINGER = 2.0
_LONGEST_LINE = 8190
_MOST_HEADERS = 64
_NO_SUCH_ADDRESS = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_PORT_ATTEMPTS = 20

_logger = logging.getLogger(__name__)
# The parser's complaints about broken requests, tracebacks and all: clients' noise, not ours.
_parser_logger = logging.getLogger("proxy.web.parser")
_parser_logger.disabled = True


class _NoSuchAddress(ConfigError):
    """This machine does not have the address at all; for ::1, it has no IPv6."""


_Refuse: TypeAlias = Callable[[BaseRequest], StreamResponse]


class _Connection(RequestHandler):
    """A client's connection, on which what is no request gets an answer of ours and not the library's."""

    __slots__ = ("_refuse",)

    def __init__(self, server: _Server, refuse: _Refuse, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._refuse = refuse

    def handle_error(
        self,
        request: BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,  # noqa: ARG002 -- the library's signature
        message: str | None = None,  # noqa: ARG002 -- it repeats what the client sent
    ) -> StreamResponse:
        """Answer what the parser refused; what our own handler raised ends the connection and says no more."""
        if status != HTTPStatus.BAD_REQUEST or request.writer.output_size:
            raise ConnectionError("the request failed after its answer was begun")
        response = self._refuse(request)
        response.force_close()
        return response


class _Server(Server):
    """Makes our connections; the library knows only its own."""

    def __init__(
        self, handle: Callable[[BaseRequest], Awaitable[StreamResponse]], refuse: _Refuse, **settings: Any
    ) -> None:
        # This one is the server's own; the others are for connections.
        super().__init__(handle, handler_cancellation=settings.pop("handler_cancellation"))
        self._refuse = refuse
        self._settings = settings

    def __call__(self) -> RequestHandler:
        return _Connection(self, self._refuse, loop=self._loop, **self._settings)


class Listener:
    """Our listening sockets and the server behind them.

    `handle` answers requests, `refuse` what the parser found to be none.
    """

    def __init__(
        self,
        handle: Callable[[BaseRequest], Awaitable[StreamResponse]],
        refuse: _Refuse,
        sockets: list[socket.socket],
    ) -> None:
        server = _Server(
            handle,
            refuse,
            # A client that leaves ends its own request at once; downloads belong to the table of fills.
            handler_cancellation=True,
            access_log=None,
            logger=_parser_logger,
            keepalive_timeout=_IDLE_LIMIT,
            lingering_time=_LINGER,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
            auto_decompress=False,
        )
        # The library waits twice: for requests to end, then again once it has called them off.
        self._runner = ServerRunner(server, shutdown_timeout=DRAIN_LIMIT / 2)
        self._sockets = sockets

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where we can be reached, as URLs."""
        return tuple(_url(listening) for listening in self._sockets)

    async def start(self) -> None:
        """Begin to accept connections."""
        await self._runner.setup()
        for listening in self._sockets:
            await SockSite(self._runner, listening, backlog=_BACKLOG).start()

    async def stop(self) -> None:
        """Accept nothing more, and let running transfers end within the drain limit."""
        await self._runner.cleanup()


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets for a host; for `localhost` both 127.0.0.1 and ::1.

    ConfigError if an address is taken: another user who listens on ::1 would see what clients meant for us
    (CVE-2020-5202). Only where this machine has no IPv6 at all does 127.0.0.1 suffice.
    """
    if host != "localhost":
        return [_listening(host, port)]
    for _ in range(_PORT_ATTEMPTS):
        first = _listening("127.0.0.1", port)
        try:
            second = _listening("::1", first.getsockname()[1])
        except _NoSuchAddress:
            _logger.info("this machine has no IPv6; listening on 127.0.0.1 only")
            return [first]
        except ConfigError:
            first.close()
            if port:
                raise
        else:
            return [first, second]
    raise ConfigError(("server.port: no port is free on both 127.0.0.1 and ::1",))


def _listening(host: str, port: int) -> socket.socket:
    """One socket that listens already: one that is only bound can still be overtaken by another program's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = None
    try:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except OSError as refused:
        if made is not None:
            made.close()
        problem = (
            f"server.port: cannot listen on {host} port {port}: {refused.strerror}; stop what does, or choose another"
        )
        error = _NoSuchAddress if refused.errno in _NO_SUCH_ADDRESS else ConfigError
        raise error((problem,)) from refused
    return made


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
