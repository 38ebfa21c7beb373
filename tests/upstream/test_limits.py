"""How long we wait, how connections are kept, and how a dead one is noticed."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from fakes.faults import CutAfter, Drip, Gate, Stall
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import PREFIX, SwiftClock, error_of, get, head, publish


class CountingClock(SwiftClock):
    """A fake clock on which one can wait until so many limits have been begun."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = 0
        self._begun = asyncio.Event()

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Note that a limit begins."""
        self.limits += 1
        self._begun.set()
        return super().timeout(seconds)

    async def begun(self, number: int) -> None:
        """Return once this many limits have been begun in all."""
        while self.limits < number:
            self._begun.clear()
            await self._begun.wait()
        await self.waiting()


@pytest.mark.parametrize("target", ["manifests/v1", "tags/list"])
async def test_a_source_that_never_answers(target: str, tmp_path: Path) -> None:
    """Thirty seconds for the first byte, then 504; it is not asked again for the same request."""
    clock = CountingClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        upstream.always("/v2/", Stall())
        asked = asyncio.create_task(get(proxy.url, f"{PREFIX}/{target}"))
        await upstream.seen()
        clock.advance(29.9)
        assert not asked.done()
        clock.advance(0.2)
        answer = await asked
        assert (answer.status, answer.head.reason) == (504, "The source timed out")
        assert error_of(answer)[1] == "source test did not answer in time"
        assert upstream.count() == 1


@pytest.mark.parametrize("after", [0, 10])
async def test_a_source_that_stops_in_the_middle(after: int, tmp_path: Path) -> None:
    """Thirty seconds without a byte of the body, then 504."""
    clock = CountingClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        gate = Gate(after_bytes=after)
        upstream.always("/v2/", gate)
        asked = asyncio.create_task(get(proxy.url, f"{PREFIX}/manifests/v1"))
        await gate.reached.wait()
        # The first limit is for the head, then there is one for each read.
        await clock.begun(3 if after else 2)
        clock.advance(29.9)
        assert not asked.done()
        clock.advance(0.2)
        assert ((await asked).status, upstream.count()) == (504, 1)


async def test_a_source_that_crawls(tmp_path: Path) -> None:
    """A few bytes every twenty seconds never break the limit for progress, and are ended after a minute."""
    clock, drip = CountingClock(), Drip(5)
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        upstream.always("/v2/", drip)
        asked = asyncio.create_task(get(proxy.url, f"{PREFIX}/manifests/v1"))
        for step in range(3):
            await clock.begun(2 + step)
            clock.advance(20)
            drip.permits.release()
        answer = await asked
        assert answer.status == 504
        assert "1000 bytes a second" in error_of(answer)[1]
        assert "source test" in error_of(answer)[1]


async def test_all_who_wait_are_released(tmp_path: Path) -> None:
    """Many clients of one silent object share one request, and its end."""
    clock = CountingClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        upstream.always("/v2/", Stall())
        first = asyncio.create_task(get(proxy.url, f"{PREFIX}/manifests/v1"))
        await upstream.seen()
        others = [asyncio.create_task(get(proxy.url, f"{PREFIX}/manifests/v1")) for _ in range(20)]
        # Each answer comes on a connection that was accepted after theirs, so all of them are waiting by then.
        await asyncio.gather(*(get(proxy.url, "/-/health") for _ in range(20)))
        clock.advance(30.1)
        assert {(await each).status for each in (first, *others)} == {504}
        assert upstream.count() == 1


async def test_one_connection_serves_requests_in_turn(tmp_path: Path) -> None:
    """Connections are used again after whole bodies, HEADs, 404s and redirects within the source."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        for target in ("manifests/v1", "tags/list", "manifests/v9", f"referrers/{image.manifest_digest}"):
            await get(proxy.url, f"{PREFIX}/{target}")
        await head(proxy.url, f"{PREFIX}/blobs/{image.large_digest}")
        assert upstream.count() == 5
        assert upstream.connections == 1


@pytest.mark.parametrize("target", ["manifests/v2", "tags/list", "blob"])
async def test_a_connection_that_died_in_the_pool_is_replaced(target: str, tmp_path: Path) -> None:
    """A source that was restarted in between costs no error and no pause."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        image = publish(upstream)
        publish(upstream, tag="v2", label="second one")
        await get(proxy.url, f"{PREFIX}/manifests/v1")
        await upstream.stop()
        await upstream.start()
        path = f"blobs/{image.small_digest}" if target == "blob" else target
        assert (await get(proxy.url, f"{PREFIX}/{path}")).status == 200


async def test_a_connection_that_breaks_under_a_request_is_replaced(tmp_path: Path) -> None:
    """A kept connection that is dropped on sight of the next request, as idle limits do: the client sees nothing."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        image = publish(upstream)
        await get(proxy.url, f"{PREFIX}/tags/list")
        for reset in (False, True):
            upstream.script("/v2/", CutAfter(None, reset=reset))
            target = f"{PREFIX}/manifests/v1" if reset else f"{PREFIX}/blobs/{image.small_digest}"
            assert (await get(proxy.url, target)).status == 200
