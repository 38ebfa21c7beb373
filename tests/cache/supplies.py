"""Supplies that deliver exactly what a test wrote down, and contents that fail where a test says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from proxy.cache.bodies import FileBody, HeldBody
from proxy.cache.content import DiskContent
from proxy.cache.fill import Delivery
from proxy.cache.partial import Partial
from proxy.core.digest import Digest
from proxy.core.errors import StorageFailed


@dataclass(frozen=True, slots=True)
class Gate:
    """A stop in a delivery: sets `reached`, then waits for `opened`."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


Step = bytes | Exception | Gate


@dataclass(frozen=True, slots=True)
class Scripted:
    """One delivery: bytes are sent, an exception is raised, a gate is waited at. `offset` None is the asked one."""

    steps: tuple[Step, ...]
    size: int | None = None
    offset: int | None = None


class ScriptedSupply:
    """Gives its deliveries in order, the last one again and again; `asked` are the offsets that were asked for."""

    def __init__(self, *deliveries: Scripted | Exception) -> None:
        self.source = "test"
        self.asked: list[int] = []
        self.open_now = 0
        self._deliveries = deque(deliveries)

    @asynccontextmanager
    async def open(self, offset: int) -> AsyncIterator[Delivery]:
        self.asked.append(offset)
        script = self._deliveries.popleft() if len(self._deliveries) > 1 else self._deliveries[0]
        if isinstance(script, Exception):
            raise script
        self.open_now += 1
        try:
            yield Delivery(offset if script.offset is None else script.offset, script.size, _play(script.steps))
        finally:
            self.open_now -= 1


class HonestSupply:
    """Gives the rest of one content from any offset, in pieces; cut after `cut` bytes a delivery if that is said."""

    def __init__(self, content: bytes, *, piece: int = 64 * 1024, cut: int | None = None) -> None:
        self.source = "test"
        self.asked: list[int] = []
        self._content = content
        self._piece = piece
        self._cut = cut

    @asynccontextmanager
    async def open(self, offset: int) -> AsyncIterator[Delivery]:
        self.asked.append(offset)
        yield Delivery(offset, len(self._content), self._chunks(offset))

    async def _chunks(self, offset: int) -> AsyncIterator[bytes]:
        end = len(self._content) if self._cut is None else min(len(self._content), offset + self._cut)
        for start in range(offset, end, self._piece):
            yield self._content[start : min(start + self._piece, end)]


class FailingContent:
    """A store on disk that refuses at one point: `open`, `publish`, or an append beyond so many bytes."""

    def __init__(self, inner: DiskContent, *, fail_at: str | int) -> None:
        self.fail_at: str | int | None = fail_at
        self._inner = inner

    async def open(self, digest: Digest, size: int | None) -> HeldBody | FileBody | None:
        return await self._inner.open(digest, size)

    def holds(self, digest: Digest, size: int | None = None) -> bool:
        return self._inner.holds(digest, size)

    async def put(self, digest: Digest, content: bytes) -> None:
        if self.fail_at is not None:
            raise StorageFailed("the test's disk is full")
        await self._inner.put(digest, content)

    async def partial(self, digest: Digest) -> Partial:
        if self.fail_at == "open":
            raise StorageFailed("the test's disk is full")
        return _FailingPartial(await self._inner.partial(digest), self.fail_at)


class _FailingPartial:
    def __init__(self, inner: Partial, fail_at: str | int | None) -> None:
        self._inner = inner
        self._fail_at = fail_at

    @property
    def length(self) -> int:
        return self._inner.length

    @property
    def descriptor(self) -> int:
        return self._inner.descriptor

    def append(self, chunk: bytes) -> int:
        if isinstance(self._fail_at, int) and self._inner.length + len(chunk) > self._fail_at:
            raise StorageFailed("the test's disk is full")
        return self._inner.append(chunk)

    def digest(self) -> Digest:
        return self._inner.digest()

    def publish(self) -> None:
        if self._fail_at == "publish":
            raise StorageFailed("the test's disk is full")
        self._inner.publish()

    def discard(self) -> None:
        self._inner.discard()

    def close(self) -> None:
        self._inner.close()


async def _play(steps: tuple[Step, ...]) -> AsyncIterator[bytes]:
    for step in steps:
        match step:
            case Gate(reached, opened):
                reached.set()
                await opened.wait()
            case Exception():
                raise step
            case _:
                yield step
