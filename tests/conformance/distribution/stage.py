"""The four states in which every check runs: nothing cached, everything cached, upstream gone, offline."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.distribution.published import LEGACY, MODERN, PAGED, Published, publish
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.wire import WireAnswer, ask
from pipeline.scene import SwiftClock

_LONG_AFTER = 86_400.0


class State(enum.Enum):
    """What the cache holds and whether an upstream is there.

    `STOPPED` and `OFFLINE` begin with a restart, a day after everything was asked once: whatever can go stale has.
    """

    COLD = "cold"
    WARM = "warm"
    STOPPED = "stopped"
    OFFLINE = "offline"

    @property
    def cut_off(self) -> bool:
        """Whether no upstream can be asked."""
        return self in {State.STOPPED, State.OFFLINE}


@dataclass(frozen=True, slots=True)
class Scene:
    """A proxy in one state before three upstreams, which `published` describes."""

    state: State
    url: str
    published: Published
    upstreams: tuple[FakeRegistry, ...]

    async def get(self, target: str, **headers: str) -> WireAnswer:
        """GET; keyword names become header names."""
        return await self.ask("GET", target, **headers)

    async def ask(self, method: str, target: str, **headers: str) -> WireAnswer:
        """Ask, and take no answer that is cut short, that asks for a login or that hands on an upstream's own."""
        lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
        answer = await ask(self.url, target, method=method, headers=lines)
        assert answer.complete
        assert answer.header("WWW-Authenticate") is None
        return answer

    @property
    def asked(self) -> int:
        """How many requests the upstreams have seen."""
        return sum(len(upstream.requests) for upstream in self.upstreams)

    def check_quiet(self, before: int) -> None:
        """What was asked once is answered without any upstream."""
        if self.state is not State.COLD:
            assert self.asked == before

    def check_never_asked(self, answer: WireAnswer, code: str, *, method: str = "GET") -> None:
        """What no upstream has is 404 while one can say so; when none can, nothing is claimed about it."""
        expected = {State.STOPPED: (502, "UNAVAILABLE"), State.OFFLINE: (504, "UNAVAILABLE")}
        status, told = expected.get(self.state, (404, code))
        assert answer.status == status
        if method == "HEAD":
            assert answer.body == b""
        else:
            assert error_code(answer) == told


def error_code(answer: WireAnswer) -> str:
    """The code of an error document, which must be in the specification's form (spec.md, "Error Codes")."""
    assert answer.header("Content-Type") == "application/json"
    (error,) = json.loads(answer.body)["errors"]
    assert error["message"]
    code: str = error["code"]
    return code


def next_page(answer: WireAnswer) -> str | None:
    """The target of the link to the next page, a path so that it is on whatever origin the client used."""
    link = answer.header("Link")
    if link is None:
        return None
    found = re.fullmatch(r'<(/[^>]*)>; rel="next"', link)
    assert found is not None
    assert not found[1].startswith("//")
    return found[1]


class Stage:
    """Scenes: the warm ones are built once and only read, the cold one is new each time."""

    def __init__(self, kept: AsyncExitStack, folder: Path) -> None:
        self._kept = kept
        self._folder = folder
        self._scenes: dict[State, Scene] = {}
        self._cold = 0

    @asynccontextmanager
    async def scene(self, state: State) -> AsyncIterator[Scene]:
        """The scene of a state; in offline mode no check may have reached an upstream."""
        if state is State.COLD:
            self._cold += 1
            async with AsyncExitStack() as passing:
                yield await _build(passing, self._folder / f"cold-{self._cold}", state)
            return
        if state not in self._scenes:
            self._scenes[state] = await _build(self._kept, self._folder / state.value, state)
        yield self._scenes[state]
        if state is State.OFFLINE:
            assert self._scenes[state].asked == 0


async def _build(kept: AsyncExitStack, folder: Path, state: State) -> Scene:
    modern = await kept.enter_async_context(FakeRegistry(etags=True))
    legacy = await kept.enter_async_context(FakeRegistry(referrers=False))
    paged = await kept.enter_async_context(FakeRegistry(page_size=3))
    upstreams = (modern, legacy, paged)
    published = publish(*upstreams)
    sources = [source(upstream.url, name) for upstream, name in zip(upstreams, (MODERN, LEGACY, PAGED), strict=True)]
    clock = SwiftClock()
    if state in {State.STOPPED, State.OFFLINE}:
        async with running(folder, *sources, clock=clock) as proxy:
            await _ask_everything(proxy.url, published)
        clock.advance(_LONG_AFTER)
    if state is State.STOPPED:
        for upstream in upstreams:
            await upstream.stop()
    cache = {"offline": state is State.OFFLINE}
    proxy = await kept.enter_async_context(running(folder, *sources, clock=clock, cache=cache))
    if state is State.WARM:
        await _ask_everything(proxy.url, published)
    for upstream in upstreams:
        upstream.clear()
    return Scene(state, proxy.url, published, upstreams)


async def _ask_everything(url: str, published: Published) -> None:
    for target in published.targets:
        answer = await ask(url, target)
        assert answer.complete
        assert answer.status in {200, 404}, target
