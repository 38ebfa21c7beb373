"""When the disk gives up: each reader goes on from the source, and never with bytes that do not belong together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from cache.bench import Bench, bench_in
from cache.supplies import FailingContent, HonestSupply, Scripted, ScriptedSupply
from faults.program import content_of

from proxy.cache.progress import HOLD_BACK
from proxy.core.digest import Digest
from proxy.core.errors import MoorageError, SourceBroken
from proxy.pipeline.relay import FollowedBody, Relay, RelayedBody

_CONTENT = content_of(6 * HOLD_BACK + 11)
_DIGEST = Digest.of(_CONTENT)
_SIZE = len(_CONTENT)
_WRONG = bytes((_CONTENT[0] ^ 1,)) + _CONTENT[1:]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A claimed data folder with a store in it."""
    with bench_in(tmp_path / "data") as made:
        yield made


async def _read(body: FollowedBody | RelayedBody, start: int, stop: int | None) -> tuple[bytes, MoorageError | None]:
    got = bytearray()
    try:
        async for piece in body.read(start, stop):
            assert piece
            got += piece
    except MoorageError as failed:
        return bytes(got), failed
    finally:
        body.close()
    return bytes(got), None


def _relay(*contents: bytes, limit: int = _SIZE) -> Relay:
    return Relay(_DIGEST, ScriptedSupply(*(Scripted((content,), len(content)) for content in contents)), limit)


_SPANS = [(0, None), (0, _SIZE), (0, 10), (HOLD_BACK, 3 * HOLD_BACK), (_SIZE - 10, None), (_SIZE - 10, _SIZE - 3)]


@pytest.mark.parametrize(("start", "stop"), _SPANS)
async def test_a_relay_gives_the_asked_bytes(start: int, stop: int | None) -> None:
    """Whole or in part, what passes through is what was asked for."""
    pieces = tuple(_CONTENT[offset : offset + 100_000] for offset in range(0, _SIZE, 100_000))
    relay = Relay(_DIGEST, ScriptedSupply(Scripted(pieces, _SIZE)), _SIZE)
    assert await _read(RelayedBody(relay, size=_SIZE), start, stop) == (_CONTENT[start:stop], None)


@pytest.mark.parametrize("content", [_WRONG, _CONTENT[:-1], _CONTENT + b"x"])
async def test_a_relay_never_ends_a_wrong_content(content: bytes) -> None:
    """A wrong bit or length is found before the last bytes leave."""
    got, failed = await _read(RelayedBody(_relay(content), size=None), 0, None)
    assert isinstance(failed, SourceBroken)
    assert len(got) <= len(content) - HOLD_BACK


async def test_a_relay_lets_go_of_its_source(bench: Bench) -> None:
    """A reader that needs no more, or leaves, closes the delivery."""
    supply = ScriptedSupply(Scripted((_CONTENT,), _SIZE))
    assert await _read(RelayedBody(Relay(_DIGEST, supply, _SIZE), size=_SIZE), 0, 10) == (_CONTENT[:10], None)
    assert supply.open_now == 0


@pytest.mark.parametrize("fail_at", [0, 1, 2 * HOLD_BACK, 5 * HOLD_BACK, _SIZE - 1])
@pytest.mark.parametrize(("start", "stop"), _SPANS)
async def test_a_follower_goes_on_from_the_source(bench: Bench, fail_at: int, start: int, stop: int | None) -> None:
    """Wherever the disk gives up, the reader gets every asked byte once."""
    failing = FailingContent(bench.content, fail_at=fail_at)
    fill = bench.fill(_DIGEST, HonestSupply(_CONTENT), content=failing)
    body = FollowedBody(fill.follow(), _relay(_CONTENT))
    reading = asyncio.ensure_future(_read(body, start, stop))
    await asyncio.gather(fill.run(), return_exceptions=True)
    assert await reading == (_CONTENT[start:stop], None)
    assert bench.partials == []


@pytest.mark.parametrize("relayed", [_CONTENT, _WRONG])
async def test_two_answers_are_not_spliced(bench: Bench, relayed: bytes) -> None:
    """A wrong beginning that was given out before the disk failed is not completed by a right rest."""
    failing = FailingContent(bench.content, fail_at=4 * HOLD_BACK)
    fill = bench.fill(_DIGEST, HonestSupply(_WRONG), content=failing)
    body = FollowedBody(fill.follow(), _relay(relayed))
    reading = asyncio.ensure_future(_read(body, 0, None))
    await asyncio.gather(fill.run(), return_exceptions=True)
    got, failed = await reading
    assert isinstance(failed, SourceBroken)
    assert len(got) < _SIZE
