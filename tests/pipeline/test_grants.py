"""Blobs are stored once, and read only through a source and repository that gave them."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from fakes.faults import CutAfter, Gate, Status, WrongBytes
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import SwiftClock, error_of, get, head, publish

_LARGE = 3 << 20


@pytest.mark.parametrize("size", [1000, _LARGE])
async def test_a_held_blob_costs_one_head(size: int, tmp_path: Path) -> None:
    """Held through one repository and asked under another: one HEAD there, no second download, then warm."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        digest = upstream.add_pattern_blob("alpha", size)
        upstream.add_pattern_blob("beta", size)
        first = await get(proxy.url, f"/v2/test/alpha/blobs/{digest}")
        upstream.clear()
        second = await get(proxy.url, f"/v2/test/beta/blobs/{digest}")
        assert second.body == first.body
        assert [(request.method, request.path) for request in upstream.requests] == [
            ("HEAD", f"/v2/beta/blobs/{digest}")
        ]
        assert (await get(proxy.url, f"/v2/test/beta/blobs/{digest}")).status == 200
        assert upstream.count() == 1


async def test_a_held_blob_is_read_from_another_source(tmp_path: Path) -> None:
    """The same between two sources: the second one's HEAD, the first one's bytes."""
    async with FakeRegistry() as one, FakeRegistry() as two:
        digest = one.add_pattern_blob("app", _LARGE)
        two.add_pattern_blob("app", _LARGE)
        async with running(tmp_path, source(one.url, "one"), source(two.url, "two")) as proxy:
            first = await get(proxy.url, f"/v2/one/app/blobs/{digest}")
            second = await get(proxy.url, f"/v2/two/app/blobs/{digest}")
        assert second.body == first.body
        assert (two.count("HEAD"), two.count("GET"), one.count()) == (1, 0, 1)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [(Status(404), 404, "BLOB_UNKNOWN"), (Status(403), 403, "DENIED"), (Status(401), 403, "DENIED")],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_refusal_under_one_name_is_passed_on(
    fault: Status, status: int, code: str, method: str, tmp_path: Path
) -> None:
    """What another repository gave is no reason to serve it under a name whose source does not."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream, "alpha")
        assert (await get(proxy.url, f"/v2/test/alpha/blobs/{image.small_digest}")).status == 200
        upstream.always("/v2/beta/", fault)
        target = f"/v2/test/beta/blobs/{image.small_digest}"
        answer = await (get if method == "GET" else head)(proxy.url, target)
        assert answer.status == status
        if method == "GET":
            assert error_of(answer)[0] == code
        assert image.small not in answer.body


async def test_a_live_download_is_joined_after_one_head(tmp_path: Path) -> None:
    """While one repository's download runs, another's request asks its own upstream once and then follows."""
    gate = Gate(after_bytes=1 << 20)
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        digest = upstream.add_pattern_blob("alpha", _LARGE)
        upstream.add_pattern_blob("beta", _LARGE)
        upstream.script("GET /v2/alpha/", gate)
        first = asyncio.create_task(get(proxy.url, f"/v2/test/alpha/blobs/{digest}"))
        await gate.reached.wait()
        second = asyncio.create_task(get(proxy.url, f"/v2/test/beta/blobs/{digest}"))
        await upstream.seen(1, "HEAD", "/v2/beta/")
        gate.opened.set()
        bodies = [(await answer).body for answer in (first, second)]
        assert bodies[0] == bodies[1]
        assert len(bodies[0]) == _LARGE
        assert (upstream.count("GET"), upstream.count("HEAD")) == (1, 1)


async def test_a_live_download_is_refused_to_a_name_that_has_it_not(tmp_path: Path) -> None:
    """While one repository's download runs, a 404 and a 403 under other names are answered as such, at once."""
    gate = Gate(after_bytes=1 << 20)
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        digest = upstream.add_pattern_blob("alpha", _LARGE)
        upstream.script("GET /v2/alpha/", gate)
        upstream.always("/v2/gamma/", Status(403))
        first = asyncio.create_task(get(proxy.url, f"/v2/test/alpha/blobs/{digest}"))
        await gate.reached.wait()
        for name, status in (("beta", 404), ("gamma", 403)):
            assert (await get(proxy.url, f"/v2/test/{name}/blobs/{digest}")).status == status
        assert not first.done()
        gate.opened.set()
        assert (await first).complete


@pytest.mark.parametrize("fault", [Status(404), Status(403), Status(503), CutAfter(None), WrongBytes(5)])
@pytest.mark.parametrize("size", [1000, _LARGE])
async def test_a_failing_download_fails_only_its_own_name(
    fault: Status | CutAfter | WrongBytes, size: int, tmp_path: Path
) -> None:
    """A download that fails before it gave anything fails its own clients; a second name then gets its own."""
    gate = Gate(after_bytes=None)
    async with FakeRegistry() as upstream:
        digest = upstream.add_pattern_blob("alpha", size)
        upstream.add_pattern_blob("beta", size)
        async with running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
            upstream.always("GET /v2/alpha/", fault)
            upstream.always("GET /v2/alpha/b", gate)
            first = asyncio.create_task(get(proxy.url, f"/v2/test/alpha/blobs/{digest}"))
            await gate.reached.wait()
            second = asyncio.create_task(get(proxy.url, f"/v2/test/beta/blobs/{digest}"))
            await upstream.seen(1, "HEAD", "/v2/beta/")
            gate.opened.set()
            failed, served = await first, await second
        assert failed.status >= 400 or not failed.complete
        if isinstance(fault, WrongBytes) and size == _LARGE:
            # Bytes that nobody could check yet had left already: all that can be done is to close short.
            assert not served.complete
        else:
            assert served.complete
            assert f"sha256:{hashlib.sha256(served.body).hexdigest()}" == digest
