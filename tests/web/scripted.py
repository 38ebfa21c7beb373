"""The front half alone: a listener whose pipeline gives an answer that a test made."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proxy.core.wants import Meaning, Ready
from proxy.observe.access import AccessLog
from proxy.observe.clock import SystemClock
from proxy.pipeline.answers import Answer
from proxy.pipeline.pipeline import Pipeline
from proxy.sources.base import Request
from proxy.web.door import Door
from proxy.web.handler import Handler
from proxy.web.server import Listener, bind


class _Anything:
    """A registry in which every request means something."""

    def match(self, request: Request) -> Meaning:
        return Ready(b"", "text/plain")

    def namespace_of(self, request: Request) -> str | None:
        return None


class _Scripted(Pipeline):
    """A pipeline that gives what the test says."""

    def __init__(self, make: Callable[[], Answer]) -> None:
        self._make = make

    async def serve(self, meaning: Meaning, *, head: bool) -> Answer:
        return self._make()


async def _nothing() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Front:
    """Where it listens, and its access lines once it has stopped."""

    url: str
    handler: Handler
    listener: Listener
    access: AccessLog
    lines: io.StringIO


@asynccontextmanager
async def front(make: Callable[[], Answer], access_stream: io.StringIO | None = None) -> AsyncIterator[Front]:
    """Serve these answers under `/v2/` on a free port."""
    lines = access_stream if access_stream is not None else io.StringIO()
    access = AccessLog(lines, as_json=False)
    handler = Handler(
        door=Door(allowed_hosts=(), allow=()),
        registry=_Anything(),
        pipeline=_Scripted(make),
        access=access,
        clock=SystemClock(),
        hindrance=_nothing,
    )
    sockets = bind("127.0.0.1", 0)
    listener = Listener(handler.handle, handler.refuse, sockets)
    await listener.start()
    try:
        yield Front(listener.addresses[0], handler, listener, access, lines)
    finally:
        await listener.stop()
        access.flush()
        for listening in sockets:
            listening.close()
