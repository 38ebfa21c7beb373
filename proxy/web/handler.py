"""One request from its head to its access line."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol, TypeAlias

from aiohttp.web import BaseRequest, Response, StreamResponse
from cachetools import LRUCache

from proxy.core.accept import parse_accept
from proxy.core.clock import Clock
from proxy.core.errors import Missing, MoorageError, RequestError, SourceError, SourceMissing
from proxy.core.targets import Target, parse_target
from proxy.core.wants import Meaning
from proxy.observe.access import AccessLine, AccessLog
from proxy.pipeline.answers import MISS, Answer
from proxy.pipeline.pipeline import Pipeline
from proxy.sources.base import Request
from proxy.web.door import Door
from proxy.web.errors import error_response
from proxy.web.exchange import Exchange
from proxy.web.respond import send

_logger = logging.getLogger(__name__)

_GUARDS = {
    "Server": "moorage",
    # What is cached may be a page with a script: it must never run as ours.
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}
# nginx's word for it; no client ever sees it.
_CLIENT_LEFT = 499
_REGISTRY = {**_GUARDS, "Docker-Distribution-Api-Version": "registry/2.0", "Content-Disposition": "attachment"}


_Reading: TypeAlias = tuple[Meaning, str | None]
_MOST_READINGS = 4096
# Characters of Accept: real clients send up to about 800, and hostile ones could fill gigabytes of readings.
_LONGEST_REMEMBERED = 2048


class Registry(Protocol):
    """What reads requests under `/v2/`."""

    def match(self, request: Request) -> Meaning: ...

    def namespace_of(self, request: Request) -> str | None: ...


class Handler:
    """Serves every request: door, route, pipeline, response.

    `hindrance` says what keeps the program from its work, None if nothing does.
    """

    def __init__(
        self,
        *,
        door: Door,
        registry: Registry,
        pipeline: Pipeline,
        access: AccessLog,
        clock: Clock,
        hindrance: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._door = door
        self._registry = registry
        self._pipeline = pipeline
        self._access = access
        self._clock = clock
        self._hindrance = hindrance
        # What a request means depends on nothing but these two, so it is worked out once.
        self._readings: LRUCache[tuple[str, tuple[str, ...]], _Reading] = LRUCache(_MOST_READINGS)

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """The response to any request. An exception that leaves here closes the connection: no more can be said."""
        exchange = self._exchange()
        registry = request.raw_path.startswith("/v2")
        headers = {**(_REGISTRY if registry else _GUARDS), "X-Request-Id": exchange.request_id}
        try:
            response = await self._serve(request, exchange, headers)
        except MoorageError as error:
            if isinstance(error, SourceError):
                headers["Cache-Status"] = exchange.cache = MISS.header()
            response = _whole(request, error_response(error, registry=registry, headers=headers), exchange)
            if isinstance(error, SourceError) and not isinstance(error, SourceMissing):
                _logger.warning("%s %s (request %s)", error.status, error.message, exchange.request_id)
        except (ConnectionError, asyncio.CancelledError):
            # The client left; whatever it had asked for goes on for others.
            self._note(request, _CLIENT_LEFT, exchange)
            raise
        except Exception:
            _logger.exception("request %s failed in a way nobody thought of", exchange.request_id)
            if request.writer.output_size:
                # A second answer would stand in the body of the one that is under way.
                self._note(request, MoorageError.status, exchange)
                raise
            unknown = MoorageError(f"internal error; the log has more under request {exchange.request_id}")
            response = _whole(request, error_response(unknown, registry=registry, headers=headers), exchange)
        self._note(request, response.status, exchange)
        return response

    def refuse(self, request: BaseRequest) -> StreamResponse:
        """The response to what is no request at all. Nothing of it is repeated, in the answer or in the log."""
        exchange = self._exchange()
        headers = {**_GUARDS, "X-Request-Id": exchange.request_id}
        error = RequestError("this is no well-formed HTTP request, or its head is too long")
        response = _whole(request, error_response(error, registry=False, headers=headers), exchange)
        self._add_line(request.remote, "-", "-", response.status, exchange)
        return response

    def _exchange(self) -> Exchange:
        return Exchange(os.urandom(8).hex(), self._clock.monotonic())

    async def _serve(self, request: BaseRequest, exchange: Exchange, headers: dict[str, str]) -> StreamResponse:
        self._door.admit(request)
        question = request.raw_path, tuple(request.headers.getall("Accept", ()))
        reading = self._readings.get(question)
        if reading is None:
            target = parse_target(request.raw_path)
            if target.segments[0] != "v2":
                return _whole(request, await self._own(target, headers), exchange)
            reading = self._read(Request(target, parse_accept(question[1])))
            if sum(map(len, question[1])) <= _LONGEST_REMEMBERED:
                self._readings[question] = reading
        meaning, namespace = reading
        if namespace is not None:
            headers["OCI-Namespace"] = namespace
        answer = await self._pipeline.serve(meaning, head=request.method == "HEAD")
        exchange.source, exchange.cache = answer.source or "-", answer.trace.header()
        return await self._send(request, answer, headers, exchange)

    def _read(self, asked: Request) -> _Reading:
        return self._registry.match(asked), self._registry.namespace_of(asked)

    async def _send(
        self, request: BaseRequest, answer: Answer, headers: dict[str, str], exchange: Exchange
    ) -> StreamResponse:
        try:
            return await send(request, answer, headers, exchange)
        finally:
            answer.close()

    async def _own(self, target: Target, headers: dict[str, str]) -> Response:
        """Our own pages. They spend no credential and touch no source."""
        match target.segments:
            case ("-", "health"):
                return Response(text="ok\n", headers=headers)
            case ("-", "ready"):
                hindrance = await self._hindrance()
                if hindrance is None:
                    return Response(text="ok\n", headers=headers)
                status = HTTPStatus.SERVICE_UNAVAILABLE
                return Response(status=status, reason="Not ready", text=f"{hindrance}\n", headers=headers)
            case _:
                raise Missing("nothing is served here; registries are under /v2/")

    def _note(self, request: BaseRequest, status: int, exchange: Exchange) -> None:
        path = request.raw_path.partition("?")[0]
        # What is no path may name a user and a password, as URLs do.
        self._add_line(request.remote, request.method, path if path.startswith("/") else "-", status, exchange)

    def _add_line(self, client: str | None, method: str, path: str, status: int, exchange: Exchange) -> None:
        self._access.add(
            AccessLine(
                finished=self._clock.wall(),
                request_id=exchange.request_id,
                client=client or "-",
                method=method,
                path=path,
                status=status,
                sent=exchange.sent,
                seconds=self._clock.monotonic() - exchange.began,
                source=exchange.source,
                cache=f"{exchange.cache}; broken-off" if exchange.broken else exchange.cache,
            )
        )


def _whole(request: BaseRequest, response: Response, exchange: Exchange) -> Response:
    """A response whose body the library sends after us, taken to arrive."""
    exchange.broken = False
    exchange.sent = 0 if request.method == "HEAD" else response.content_length or 0
    return response
