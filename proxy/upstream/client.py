"""One source, asked: credentials, redirects, limits and the meaning of its answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from yarl import URL

from proxy.auth.authorizer import Authorization, Authorizer
from proxy.core.clock import Clock
from proxy.core.errors import SourceBroken, SourceDenied, SourceLimited, SourceMissing
from proxy.core.ranges import parse_content_range
from proxy.core.retry import parse_retry_after
from proxy.core.wants import Place
from proxy.upstream.connections import Connections, translated
from proxy.upstream.origin import next_hop, origin_of
from proxy.upstream.pace import Pace
from proxy.upstream.silence import Silence
from proxy.upstream.verdict import judge

MOST_HOPS = 5
PROGRESS_LIMIT = 30.0

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to a source. `offset` asks for the rest from there on, `etag` only for something else."""

    method: str
    place: Place
    offset: int = 0
    etag: str | None = None

    @property
    def usable(self) -> frozenset[int]:
        """The statuses that answer this: a part or a confirmation is no answer to who asked for the whole."""
        statuses = {HTTPStatus.OK}
        if self.offset:
            statuses.add(HTTPStatus.PARTIAL_CONTENT)
        if self.etag is not None:
            statuses.add(HTTPStatus.NOT_MODIFIED)
        return frozenset(statuses)

    def headers(self) -> dict[str, str]:
        """The request headers but for the credential. Bytes are wanted as they are: digests name those."""
        headers = {"Accept-Encoding": "identity", "Accept": self.place.accept or "*/*"}
        if self.offset:
            headers["Range"] = f"bytes={self.offset}-"
        if self.etag is not None:
            headers["If-None-Match"] = self.etag
        return headers


class Reply:
    """A usable answer: its head, and its body as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, *, source: str, clock: Clock) -> None:
        self._response = response
        self._source = source
        self._clock = clock
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def length(self) -> int | None:
        """How many bytes the body says it has."""
        return self._response.content_length

    def offset(self, asked: int) -> tuple[int, int | None]:
        """Where the body's first byte stands, and the size of the whole if that is told.

        SourceBroken when a range does not begin where it was asked: bytes in the wrong place spoil the whole.
        """
        if self.status != HTTPStatus.PARTIAL_CONTENT:
            return 0, self.length
        found = parse_content_range(self.headers.get("Content-Range"))
        if found is None or found[0].start != asked or self.length not in {None, found[0].length}:
            raise SourceBroken(f"source {self._source} sent another range than was asked for")
        return asked, found[0].stop if found[1] is None else found[1]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. SourceUnreachable when it is cut, SourceTimeout when it stalls or crawls."""
        content, pace = self._response.content, Pace(self._source)
        while True:
            asked = self._clock.monotonic()
            with translated(self._source):
                async with self._clock.timeout(PROGRESS_LIMIT):
                    chunk = await content.readany()
            if not chunk:
                return
            pace.add(self._clock.monotonic() - asked, len(chunk))
            yield chunk

    async def whole(self, limit: int) -> bytes:
        """The whole body of something small; SourceBroken if it has more than `limit` bytes."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise SourceBroken(f"source {self._source} sent more than the {limit} bytes that this can have")
        return bytes(body)


class Upstream:
    """A configured source, as the pipeline asks it."""

    def __init__(
        self,
        *,
        name: str,
        url: URL,
        credential_origins: frozenset[str],
        authorizer: Authorizer,
        connections: Connections,
        clock: Clock,
    ) -> None:
        self.name = name
        self._url = url
        self._origin = origin_of(url)
        self._credential_origins = credential_origins | {self._origin}
        self._authorizer = authorizer
        self._connections = connections
        self._clock = clock
        self._silence = Silence(clock)

    def __repr__(self) -> str:
        return f"<Upstream {self.name} {self._url}>"

    @asynccontextmanager
    async def open(self, asking: Asking) -> AsyncIterator[Reply]:
        """A usable answer (200, 206 or 304), or the SourceError that the source's answer amounts to.

        One that says 429, or whose token service does, is left alone for as long as it asks, an hour at most.
        """
        seconds, asked = self._silence.left(), self._clock.monotonic()
        if seconds > 0:
            raise self._limited(seconds)
        try:
            async with self._opened(asking) as reply:
                self._silence.end(asked)
                yield reply
        except SourceLimited as limited:
            self._silence.begin(limited.retry_after)
            raise
        except (SourceMissing, SourceDenied):
            self._silence.end(asked)
            raise

    @asynccontextmanager
    async def _opened(self, asking: Asking) -> AsyncIterator[Reply]:
        repository = asking.place.repository
        authorization = await self._authorizer.authorization(repository)
        response, redirected = await self._travel(asking, authorization)
        try:
            if not redirected and _is_refusal(response, authorization):
                challenges = response.headers.getall("WWW-Authenticate", [])
                response.release()
                better = await self._authorizer.after_refusal(
                    repository, challenges, refused=authorization, status=response.status
                )
                if better is not None:
                    response, redirected = await self._travel(asking, better)
            self._judge(response, asking, redirected=redirected)
            yield Reply(response, source=self.name, clock=self._clock)
        finally:
            # Closes the connection if the body was not read to its end, else gives it back.
            response.release()

    async def _travel(
        self, asking: Asking, authorization: Authorization | None
    ) -> tuple[aiohttp.ClientResponse, bool]:
        """The answer at the end of the redirects, and whether somebody else gave it.

        A credential goes to the source's own origins; once a hop leaves them it is gone for good.
        """
        url, headers = self._address(asking.place), asking.headers()
        if authorization is not None:
            headers["Authorization"] = authorization.header
        redirected = False
        for _ in range(MOST_HOPS + 1):
            response = await self._connections.send(asking.method, url, headers)
            if response.status not in _REDIRECTS:
                return response, redirected
            location = response.headers.get("Location")
            response.release()
            url = next_hop(url, location, source=self.name)
            if origin_of(url) not in self._credential_origins:
                if asking.place.stay:
                    raise SourceMissing(f"source {self.name} sends us elsewhere for {asking.place.path}")
                redirected = True
                headers.pop("Authorization", None)
        raise SourceBroken(f"source {self.name} redirects more than {MOST_HOPS} times")

    def _address(self, place: Place) -> URL:
        """Where a place is; SourceBroken where its path, put behind the source's address, would name another host."""
        with suppress(ValueError):
            url = URL(str(self._url).rstrip("/") + place.path, encoded=True)
            if origin_of(url) == self._origin:
                return url
        raise SourceBroken(f"source {self.name} was to be asked at another address than its own")

    def _judge(self, response: aiohttp.ClientResponse, asking: Asking, *, redirected: bool) -> None:
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._limited(parse_retry_after(response.headers.get("Retry-After"), now=self._clock.wall()))
        error = judge(
            response.status,
            usable=asking.usable,
            source=self.name,
            path=asking.place.path.partition("?")[0],
            credential=self._authorizer.describe(),
            redirected=redirected,
        )
        if error is not None:
            raise error

    def _limited(self, seconds: int) -> SourceLimited:
        return SourceLimited(
            f"source {self.name} limits how often it is asked; it wants to be left alone for {seconds} seconds",
            retry_after=seconds,
        )


def _is_refusal(response: aiohttp.ClientResponse, authorization: Authorization | None) -> bool:
    """Whether a fresh credential may help. Amazon's public registry says 400 to an expired one."""
    if response.status == HTTPStatus.BAD_REQUEST:
        return authorization is not None
    return response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
