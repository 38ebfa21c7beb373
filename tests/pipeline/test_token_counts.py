"""How often a source is asked what it wants, and its token service for a token."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fakes.access import Basic, Bearer
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.tokens import FakeTokenService
from pipeline.scene import PREFIX, TAG_TTL, SwiftClock, get, publish

_USER = {"type": "basic", "username": "alice", "password": "correct horse"}
_CLIENTS = 50


async def test_many_requests_share_a_ping_and_a_token(tmp_path: Path) -> None:
    """Fifty cold requests for fifty objects of one repository: one ping, one token, nothing refused."""
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        digests = [upstream.add_blob("team/app", b"blob %d" % number) for number in range(_CLIENTS)]
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            answers = await asyncio.gather(*(get(proxy.url, f"{PREFIX}/blobs/{digest}") for digest in digests))
        assert {answer.status for answer in answers} == {200}
        assert (upstream.pings, tokens.count()) == (1, 1)
        assert upstream.count() == _CLIENTS
        assert upstream.challenges == 1, "the ping alone"


async def test_each_repository_has_a_token_of_its_own(tmp_path: Path) -> None:
    """A token covers the one repository that it was asked for, for reading; the ping is shared."""
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        for name in ("one", "two"):
            publish(upstream, name)
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            targets = [f"/v2/test/{name}/manifests/v1" for name in ("one", "two")] * (_CLIENTS // 2)
            answers = await asyncio.gather(*(get(proxy.url, target) for target in targets))
        assert {answer.status for answer in answers} == {200}
        scopes = sorted(str(request.parameter("scope")) for request in tokens.requests)
        assert scopes == ["repository:one:pull", "repository:two:pull"]
        assert (upstream.pings, upstream.count()) == (1, 2)


async def test_an_expired_token_is_renewed_once(tmp_path: Path) -> None:
    """When a token is refused to fifty requests at once, one new token serves them all."""
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        digests = [upstream.add_blob("team/app", b"blob %d" % number) for number in range(_CLIENTS)]
        publish(upstream)
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            await get(proxy.url, f"{PREFIX}/manifests/v1")
            tokens.expire_all()
            answers = await asyncio.gather(*(get(proxy.url, f"{PREFIX}/blobs/{digest}") for digest in digests))
        assert {answer.status for answer in answers} == {200}
        assert (upstream.pings, tokens.count()) == (1, 2)


async def test_a_warm_hit_asks_for_no_token(tmp_path: Path) -> None:
    """With registry and token service gone, what is held is served, and nobody is asked anything."""
    clock = SwiftClock()
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        image = publish(upstream)
        settings = source(upstream.url, auth=_USER)
        async with running(tmp_path, settings, clock=clock) as proxy:
            await get(proxy.url, f"{PREFIX}/manifests/v1")
        upstream.clear()
        tokens.clear()
        async with running(tmp_path, settings, clock=clock) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/manifests/v1")
        assert answer.body == image.manifest
        assert upstream.requests == tokens.requests == []


async def test_a_source_without_authentication_is_never_pinged(tmp_path: Path) -> None:
    """With auth type none, an open registry sees content requests only."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        targets = [
            f"/manifests/{image.manifest_digest}",
            f"/blobs/{image.small_digest}",
            "/manifests/v1",
            "/tags/list",
        ]
        for target in targets:
            assert (await get(proxy.url, PREFIX + target)).status == 200
        assert (upstream.pings, upstream.count()) == (0, len(targets))


async def test_an_anonymous_token_is_fetched_without_a_ping(tmp_path: Path) -> None:
    """With auth type none the registry's own refusal says where tokens are: fifty requests, one token, no ping."""
    async with FakeTokenService(anonymous=True) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        digests = [upstream.add_blob("team/app", b"blob %d" % number) for number in range(_CLIENTS)]
        async with running(tmp_path, source(upstream.url)) as proxy:
            answers = await asyncio.gather(*(get(proxy.url, f"{PREFIX}/blobs/{digest}") for digest in digests))
        assert {answer.status for answer in answers} == {200}
        assert (upstream.pings, tokens.count()) == (0, 1)
        assert "authorization" not in tokens.requests[0].headers


async def test_basic_needs_one_ping_and_no_token(tmp_path: Path) -> None:
    """A registry that wants the password itself gets it with every request after one ping."""
    async with FakeRegistry(Basic("alice", "correct horse")) as upstream:
        image = publish(upstream)
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            for target in (f"/manifests/{image.manifest_digest}", f"/blobs/{image.small_digest}"):
                assert (await get(proxy.url, PREFIX + target)).status == 200
        assert (upstream.pings, upstream.count(), upstream.challenges) == (1, 2, 1)


async def test_two_sources_at_one_address_share_nothing(tmp_path: Path) -> None:
    """Two accounts at one registry have a token each, and what one was given the other has to ask for itself."""
    clock = SwiftClock()
    users = {"alice": "correct horse", "robert": "battery staple"}
    async with FakeTokenService(users) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        image = publish(upstream)
        robert = {"type": "basic", "username": "robert", "password": "battery staple"}
        first = source(upstream.url, "first", auth=_USER, hosts=["first.test"])
        second = source(upstream.url, "second", auth=robert, hosts=["second.test"])
        async with running(tmp_path, first, second, clock=clock) as proxy:
            for kind in (f"blobs/{image.small_digest}", f"manifests/{image.manifest_digest}", "manifests/v1"):
                for name in ("first", "second"):
                    tokens.rights = None
                    upstream.clear()
                    answer = await get(proxy.url, f"/v2/{name}/team/app/{kind}")
                    assert answer.status == 200
                    assert upstream.count() == 1, f"{name} asks for {kind} by itself"
            clock.advance(TAG_TTL + 1)
        accounts = [request.parameter("account") for request in tokens.requests]
        assert accounts == ["alice", "robert"]


async def test_an_account_without_rights_is_not_served_anothers_copy(tmp_path: Path) -> None:
    """What one account at a registry was given, a second one that may not read it does not get."""
    users = {"alice": "correct horse", "robert": "battery staple"}
    async with FakeTokenService(users) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        image = publish(upstream)
        robert = {"type": "basic", "username": "robert", "password": "battery staple"}
        first = source(upstream.url, "first", auth=_USER, hosts=["first.test"])
        second = source(upstream.url, "second", auth=robert, hosts=["second.test"])
        async with running(tmp_path, first, second) as proxy:
            targets = (
                f"blobs/{image.small_digest}",
                f"manifests/{image.manifest_digest}",
                "manifests/v1",
                "tags/list",
            )
            for target in targets:
                assert (await get(proxy.url, f"/v2/first/team/app/{target}")).status == 200
            tokens.rights = frozenset()
            for target in targets:
                assert (await get(proxy.url, f"/v2/second/team/app/{target}")).status == 403
