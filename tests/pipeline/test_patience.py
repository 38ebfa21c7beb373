"""Nobody waits for a slow or dead source when what he wants is held."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.faults import Gate, Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import PREFIX, TAG_TTL, SwiftClock, get, publish

_TAG = f"{PREFIX}/manifests/v1"


@pytest.mark.parametrize("target", ["/manifests/v1", "/tags/list"])
async def test_a_slow_source_is_waited_for_briefly(target: str, tmp_path: Path) -> None:
    """After two seconds the held answer is served as stale, and the question goes on until it is answered."""
    clock = FakeClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        await get(proxy.url, PREFIX + target)
        clock.advance(TAG_TTL + 1)
        gate = Gate(None)
        upstream.script("/v2/", gate)
        asking = asyncio.create_task(get(proxy.url, PREFIX + target))
        await gate.reached.wait()
        clock.advance(2.1)
        answer = await asking
        assert answer.status == 200
        assert answer.header("Warning") == '110 - "Response is Stale"'
        gate.opened.set()
        while "stale" in ((await get(proxy.url, PREFIX + target)).header("Cache-Status") or ""):
            pass
        assert upstream.count() == 2


async def test_a_dead_source_is_left_alone_for_a_while(tmp_path: Path) -> None:
    """Within seconds of a failure, held content is served at once without asking; afterwards the source is asked."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        await get(proxy.url, _TAG)
        clock.advance(TAG_TTL + 1)
        upstream.always("/v2/", Status(503))
        await get(proxy.url, _TAG)
        asked = upstream.count()
        for _ in range(5):
            assert (await get(proxy.url, _TAG)).header("Warning") == '110 - "Response is Stale"'
        assert upstream.count() == asked
        upstream.clear_faults()
        clock.advance(11)
        assert (await get(proxy.url, _TAG)).header("Warning") is None


async def test_what_is_not_held_is_asked_for_all_the_same(tmp_path: Path) -> None:
    """A recent failure answers only for what can be stood in for: a first request tries."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        publish(upstream, tag="v2")
        await get(proxy.url, _TAG)
        clock.advance(TAG_TTL + 1)
        upstream.script("/manifests/v1", *[Status(503)] * 3)
        await get(proxy.url, _TAG)
        assert (await get(proxy.url, f"{PREFIX}/manifests/v2")).status == 200


async def test_a_failure_that_is_covered_up_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells that a source began to fail and that it answers again, whatever the number of requests."""
    clock = SwiftClock()
    with caplog.at_level(logging.INFO):
        async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
            publish(upstream)
            await get(proxy.url, _TAG)
            clock.advance(TAG_TTL + 1)
            upstream.always("/v2/", Status(503))
            for _ in range(4):
                await get(proxy.url, _TAG)
                clock.advance(11)
            upstream.clear_faults()
            await get(proxy.url, _TAG)
    failing = [record.message for record in caplog.records if "what is held is served" in record.message]
    assert len(failing) == 1
    assert "source test answered 503" in failing[0]
    assert [record.message for record in caplog.records].count("source test answers again") == 1


async def test_a_client_that_leaves_stops_no_question(tmp_path: Path) -> None:
    """The one that waits longest gets the answer of the question that another began and left."""
    clock = FakeClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        gate = Gate(None)
        upstream.script("/manifests/v1", gate)
        first = asyncio.create_task(get(proxy.url, _TAG))
        await gate.reached.wait()
        second = asyncio.create_task(get(proxy.url, _TAG))
        first.cancel()
        gate.opened.set()
        assert (await second).body == image.manifest
        assert upstream.count() == 1
