"""Memory does not grow with the size of a blob, nor with a client that does not read (invariant 11)."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from fakes.content import Pattern
from fakes.registry import FakeRegistry
from fakes.wire import Wire
from faults.process import Served, served
from faults.program import REPOSITORY, blob, content_of, outcome

_MIB = 1 << 20
_LIMIT = 64 * _MIB
_SAMPLE_SECONDS = 0.02


@pytest.mark.parametrize(
    ("clients", "size"),
    [
        pytest.param(8, 512 * _MIB, marks=[pytest.mark.ci, pytest.mark.timeout(600)], id="8 x 512 MiB"),
        pytest.param(32, 4096 * _MIB, marks=[pytest.mark.proof, pytest.mark.timeout(3600)], id="32 x 4 GiB"),
    ],
)
async def test_memory_while_a_large_blob_is_read_cold(tmp_path: Path, clients: int, size: int) -> None:
    """All clients read one blob that nobody has yet; one takes nothing until the others are done."""
    small = content_of(2 * _MIB)
    async with FakeRegistry() as upstream:
        digest, first = upstream.add_pattern_blob(REPOSITORY, size), upstream.add_blob(REPOSITORY, small)
        async with served(tmp_path / "served", upstream.url) as proxy:
            # What any first request costs once is no growth.
            assert await outcome(proxy.url, blob(first), small) == "right"
            before = proxy.anonymous_memory
            peak = [before]
            sampling = asyncio.ensure_future(_sample(proxy, peak))
            async with await Wire.connect(proxy.url) as slow:
                await slow.request("GET", blob(digest))
                others = [_read(proxy.url, blob(digest), size, verify=not number) for number in range(clients - 1)]
                await asyncio.gather(*others)
                head = await slow.head()
                drained = 0
                async for piece in slow.body(head):
                    drained += len(piece)
                assert (head.status, slow.complete, drained) == (200, True, size)
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
        assert upstream.count("GET") == 2
    print(
        f"{clients} clients x {size // _MIB} MiB, one slow: RssAnon {before / _MIB:.1f} MiB before, "
        f"{max(peak) / _MIB:.1f} MiB at most in {len(peak)} samples: grew by {(max(peak) - before) / _MIB:.1f} MiB"
    )
    assert max(peak) - before < _LIMIT


async def _sample(proxy: Served, peak: list[int]) -> None:
    while True:
        await asyncio.sleep(_SAMPLE_SECONDS)
        peak.append(proxy.anonymous_memory)


async def _read(url: str, target: str, size: int, *, verify: bool) -> None:
    """Read to the end; one reader compares every byte, the others count."""
    pattern, position = Pattern(size, 0), 0
    async with await Wire.connect(url) as wire:
        await wire.request("GET", target)
        async for piece in wire.body(await wire.head()):
            if verify:
                assert piece == pattern.read(position, len(piece))
            position += len(piece)
        assert (wire.complete, position) == (True, size)
