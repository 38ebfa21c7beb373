"""The connections of one source, in pools by who named the place they go to, and by its scheme."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from types import TracebackType

import aiohttp
from yarl import URL

from proxy import __version__
from proxy.auth.fetch import FetchReply
from proxy.core.clock import Clock
from proxy.core.errors import SourceBroken, SourceTimeout, SourceUnreachable
from proxy.upstream.egress import EgressGuard, EgressRefused
from proxy.upstream.origin import origin_of

CONNECT_LIMIT = 10.0
FIRST_BYTE_LIMIT = 30.0

_READ_BUFFER = 256 * 1024
_LONGEST_FIELD = 32 * 1024


def client_tls() -> ssl.SSLContext:
    """TLS with the system's certificates, for all sources; loading those takes tens of milliseconds."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Connections:
    """Sends one request at a time to wherever it may go, never following anything by itself.

    `tls` gives the context for https, when that is first needed.
    """

    def __init__(
        self, *, source: str, url: URL, trusted: frozenset[str], clock: Clock, tls: Callable[[], ssl.SSLContext]
    ) -> None:
        self._source = source
        self._own = origin_of(url)
        self._trusted = trusted
        self._clock = clock
        self._tls = tls
        self._guard = EgressGuard(source=source, own_host=url.host or "")
        self._sessions: dict[tuple[str, aiohttp.SocketFactoryType], aiohttp.ClientSession] = {}

    async def send(
        self, method: str, url: URL, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        """One request, answered as far as its head. Raises SourceError when no head comes."""
        session = self._session_for(url)
        with translated(self._source):
            async with self._clock.timeout(FIRST_BYTE_LIMIT):
                return await session.request(method, url, headers=headers, data=form, allow_redirects=False)

    async def fetch(
        self, url: str, *, headers: Mapping[str, str], form: Mapping[str, str] | None, limit: int
    ) -> FetchReply:
        """A small answer as a whole, for challenges and tokens; SourceBroken if it is longer than `limit` bytes."""
        method = "GET" if form is None else "POST"
        response = await self.send(method, URL(url, encoded=True), {"Accept-Encoding": "identity", **headers}, form)
        async with response:
            with translated(self._source):
                async with self._clock.timeout(FIRST_BYTE_LIMIT):
                    body = await self._read_at_most(response.content, limit)
            return FetchReply(
                status=response.status,
                challenges=tuple(response.headers.getall("WWW-Authenticate", [])),
                body=body,
                retry_after=response.headers.get("Retry-After"),
            )

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()

    async def _read_at_most(self, content: aiohttp.StreamReader, limit: int) -> bytes:
        body = bytearray()
        while piece := await content.readany():
            body += piece
            if len(body) > limit:
                raise SourceBroken(f"source {self._source} sent more than {limit} bytes where a short answer belongs")
        return bytes(body)

    def _session_for(self, url: URL) -> aiohttp.ClientSession:
        """The pool for a place, made when it is first used: most sources never are, and few lead elsewhere."""
        origin = origin_of(url)
        factory = self._guard.trusted_socket if origin in self._trusted else self._guard.foreign_socket
        if origin == self._own:
            factory = self._guard.own_socket
        session = self._sessions.get((url.scheme, factory))
        if session is None:
            session = _session(factory, self._tls() if url.scheme == "https" else None)
            self._sessions[url.scheme, factory] = session
        return session


class translated:  # noqa: N801 -- reads as an adjective in `with translated(source):`
    """The inward border: what the HTTP library raises becomes a SourceError without URLs or library words."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        match error:
            case TimeoutError():
                raise SourceTimeout(f"source {self._source} did not answer in time") from None
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
                raise SourceBroken(
                    f"the TLS certificate or connection of source {self._source} cannot be trusted; "
                    "check the clock, the system's CA certificates and the address"
                ) from None
            case aiohttp.ClientConnectorDNSError():
                raise SourceUnreachable(f"the host name of source {self._source} cannot be resolved") from None
            case aiohttp.ClientConnectorError(os_error=EgressRefused() as refused):
                raise SourceBroken(str(refused)) from None
            case aiohttp.ClientConnectorError():
                raise SourceUnreachable(f"source {self._source} cannot be reached") from None
            case (
                aiohttp.ServerDisconnectedError()
                | aiohttp.ClientPayloadError()
                | ConnectionError()
                | aiohttp.ClientOSError()
            ):
                raise SourceUnreachable(f"source {self._source} broke the connection off") from None
            case aiohttp.ClientError() | ValueError():
                raise SourceBroken(f"source {self._source} sent something that is not proper HTTP") from None


def _session(factory: aiohttp.SocketFactoryType, tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, ssl=tls or True, socket_factory=factory),
        # No limit on the total: a big blob over a slow line takes as long as it takes.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"moorage/{__version__}"},
        auto_decompress=False,
        requote_redirect_url=False,
        trust_env=False,
        read_bufsize=_READ_BUFFER,
        max_field_size=_LONGEST_FIELD,
        max_line_size=_LONGEST_FIELD,
    )
