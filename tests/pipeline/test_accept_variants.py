"""One tag, several manifests: each client gets the type that the registry would have given it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from pathlib import Path

import pytest
from fakes.registry import INDEX_TYPE, MANIFEST_TYPE, FakeRegistry
from fakes.running import running, source
from fakes.wire import Wire
from pipeline.scene import PREFIX, REPOSITORY, TAG_TTL, SwiftClock, error_of, get, head, image_index, image_manifest

_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
_DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
_TAG = f"{PREFIX}/manifests/v1"
_BOTH = f"{INDEX_TYPE}, {MANIFEST_TYPE}"
_ACCEPTS = (INDEX_TYPE, MANIFEST_TYPE, _BOTH, "*/*")
# As clients of different makers write it: neither list holds the other.
_ONE_MAKER = f"{MANIFEST_TYPE}, {_DOCKER}, {INDEX_TYPE}, application/json"
_ANOTHER_MAKER = f"{_SIGNED}, {_DOCKER_LIST}, {INDEX_TYPE}, {_DOCKER}"


def _publish_both(upstream: FakeRegistry, label: str) -> dict[str, bytes]:
    contents = {INDEX_TYPE: image_index(label), MANIFEST_TYPE: image_manifest(label)}
    digests = [upstream.add_manifest(REPOSITORY, content, kind) for kind, content in contents.items()]
    upstream.set_tag(REPOSITORY, "v1", *digests)
    return contents


async def test_alternating_clients_are_never_mixed_up(tmp_path: Path) -> None:
    """Ten thousand requests of four kinds of client, over changes of the tag: always right, never refused a type."""
    clock, choose = SwiftClock(), random.Random(7)
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:

        async def client(rounds: list[str], contents: dict[str, bytes]) -> int:
            async with await Wire.connect(proxy.url) as wire:
                for accept in rounds:
                    await wire.request("GET", _TAG, [("Accept", accept)])
                    answer = await wire.answer()
                    kind = answer.header("Content-Type")
                    assert answer.status == 200
                    assert kind == (MANIFEST_TYPE if accept == MANIFEST_TYPE else INDEX_TYPE)
                    assert answer.body == contents[kind]
                    told = answer.header("Docker-Content-Digest")
                    assert told == f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
            return len(rounds)

        served = 0
        for generation in range(5):
            contents = _publish_both(upstream, f"generation {generation}")
            clock.advance(TAG_TTL + 1)
            rounds = [[choose.choice(_ACCEPTS) for _ in range(250)] for _ in range(8)]
            served += sum(await asyncio.gather(*(client(each, contents) for each in rounds)))
        assert served == 10_000


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 1, 0, 3)])
async def test_a_wide_answer_serves_the_narrow_questions(order: tuple[int, ...], tmp_path: Path) -> None:
    """Asked in any order, each kind of client costs at most one request upstream within the time to live."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        contents = _publish_both(upstream, "one")
        for _ in range(3):
            for position in order:
                accept = _ACCEPTS[position]
                answer = await get(proxy.url, _TAG, accept=accept)
                assert answer.body == contents[MANIFEST_TYPE if accept == MANIFEST_TYPE else INDEX_TYPE]
        assert upstream.count() <= len(_ACCEPTS)


async def test_clients_of_different_makers_share_a_tag(tmp_path: Path) -> None:
    """Two Accept lists of which neither holds the other, both taking the index that there is: one request for all."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        upstream.add_manifest(REPOSITORY, image_index("one"), INDEX_TYPE, "v1")
        for _ in range(5):
            for accept in (_ONE_MAKER, _ANOTHER_MAKER):
                assert (await get(proxy.url, _TAG, accept=accept)).status == 200
        assert upstream.count() == 1


async def test_a_type_that_is_not_accepted_is_never_sent(tmp_path: Path) -> None:
    """A registry that has one type and sends it whatever was asked: the client gets 404 in words, cold and warm."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
        content = image_manifest("only")
        digest = upstream.add_manifest(REPOSITORY, content, MANIFEST_TYPE, "v1")
        for target in (_TAG, f"{PREFIX}/manifests/{digest}"):
            for _ in range(2):
                answer = await get(proxy.url, target, accept=INDEX_TYPE)
                assert (answer.status, error_of(answer)[0]) == (404, "MANIFEST_UNKNOWN")
                assert MANIFEST_TYPE in error_of(answer)[1]
                assert (await head(proxy.url, target, accept=INDEX_TYPE)).status == 404
                assert (await get(proxy.url, target, accept=MANIFEST_TYPE)).body == content


async def test_a_failing_source_is_covered_by_an_accepted_type_only(tmp_path: Path) -> None:
    """With the source gone, a client gets what is held of a type that it takes, else an error."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        contents = _publish_both(upstream, "one")
        await get(proxy.url, _TAG, accept=MANIFEST_TYPE)
        await upstream.stop()
        clock.advance(TAG_TTL + 1)
        for accept in (MANIFEST_TYPE, _BOTH, "*/*"):
            answer = await get(proxy.url, _TAG, accept=accept)
            assert (answer.status, answer.body) == (200, contents[MANIFEST_TYPE])
            assert answer.header("Warning") is not None
        assert (await get(proxy.url, _TAG, accept=INDEX_TYPE)).status == 502


async def test_all_types_survive_a_restart(tmp_path: Path) -> None:
    """What was learned of a tag for each type is on disk: offline, each client gets its own."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        contents = _publish_both(upstream, "one")
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            for accept in _ACCEPTS:
                await get(proxy.url, _TAG, accept=accept)
        async with running(tmp_path, source(upstream.url), clock=clock, cache={"offline": True}) as proxy:
            for accept in _ACCEPTS:
                answer = await get(proxy.url, _TAG, accept=accept)
                assert answer.body == contents[MANIFEST_TYPE if accept == MANIFEST_TYPE else INDEX_TYPE]
