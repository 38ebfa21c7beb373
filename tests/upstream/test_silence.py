"""A source that limits requests for very long: the client hears the source's figure, and trials go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.faults import Gate, Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import PREFIX, SwiftClock, get, publish

from proxy.upstream.silence import Silence

_DAY = 86_400
_HOUR = 3600
_TAG = f"{PREFIX}/manifests/v1"


def _limited(seconds: int) -> Status:
    return Status(429, (("Retry-After", str(seconds)),))


@pytest.mark.parametrize(("asked", "told"), [(_HOUR + 1, _HOUR + 1), (20_000, 20_000), (_DAY + 1, _DAY)])
async def test_a_long_limit_is_passed_on_and_tried_after_an_hour(asked: int, told: int, tmp_path: Path) -> None:
    """The client hears the figure, at most a day; the source is asked once after an hour, and again if it relents."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        upstream.script("/v2/", _limited(asked), _limited(asked))
        for _ in range(3):
            answer = await get(proxy.url, _TAG)
            assert (answer.status, answer.header("Retry-After")) == (429, str(told))
        clock.advance(_HOUR - 1)
        answer = await get(proxy.url, _TAG)
        assert (answer.status, answer.header("Retry-After")) == (429, str(told - _HOUR + 1))
        assert upstream.count() == 1
        clock.advance(1)
        for _ in range(3):
            answer = await get(proxy.url, _TAG)
            assert (answer.status, answer.header("Retry-After")) == (429, str(told))
        assert upstream.count() == 2
        clock.advance(_HOUR)
        assert (await get(proxy.url, _TAG)).body == image.manifest
        assert (await get(proxy.url, f"{PREFIX}/blobs/{image.small_digest}")).body == image.small
        assert upstream.count() == 4


async def test_one_request_tries_for_all(tmp_path: Path) -> None:
    """While a trial is under way the others are told to wait, and its answer opens the source to them."""
    clock, gate = SwiftClock(), Gate(after_bytes=None)
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        upstream.script("/v2/", _limited(_DAY), gate)
        await get(proxy.url, _TAG)
        clock.advance(_HOUR)
        trial = asyncio.create_task(get(proxy.url, _TAG))
        await gate.reached.wait()
        for path in ("tags/list", f"blobs/{image.small_digest}"):
            assert (await get(proxy.url, f"{PREFIX}/{path}")).status == 429
        assert upstream.count() == 2
        gate.opened.set()
        assert (await trial).body == image.manifest
        assert (await get(proxy.url, f"{PREFIX}/tags/list")).status == 200


async def test_any_answer_ends_a_limit(tmp_path: Path) -> None:
    """A trial that hears 404 has been answered: the source is open again."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        upstream.script("/v2/", _limited(_DAY))
        await get(proxy.url, _TAG)
        clock.advance(_HOUR)
        assert (await get(proxy.url, f"{PREFIX}/manifests/none")).status == 404
        assert (await get(proxy.url, _TAG)).body == image.manifest


def test_a_trial_without_an_answer() -> None:
    """One that never came back is followed by another after a minute."""
    clock = FakeClock()
    silence = Silence(clock)
    silence.begin(_DAY)
    clock.advance(_HOUR)
    assert [silence.left() for _ in range(2)] == [0, _DAY - _HOUR]
    clock.advance(60)
    assert [silence.left() for _ in range(2)] == [0, _DAY - _HOUR - 60]


def test_an_answer_to_an_older_request_ends_nothing() -> None:
    """What was under way when the limit was told says nothing about it."""
    clock = FakeClock()
    silence = Silence(clock)
    asked = clock.monotonic()
    clock.advance(1)
    silence.begin(30)
    silence.end(asked)
    assert silence.left() == 30
    clock.advance(1)
    silence.end(clock.monotonic())
    assert silence.left() == 0
