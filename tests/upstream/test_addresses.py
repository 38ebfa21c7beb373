"""The first address of a request: whatever a path may say, only the source itself is asked."""

from __future__ import annotations

import pytest
from fakes.answers import Answer
from fakes.clock import FakeClock
from fakes.content import Held
from fakes.server import FakeOrigin
from yarl import URL

from proxy import __version__
from proxy.auth.authorizer import Authorizer
from proxy.auth.credentials import BearerToken, Found
from proxy.auth.tokens import TokenService
from proxy.auth.wiring import FixedProvider
from proxy.core.errors import SourceBroken
from proxy.core.wants import Place
from proxy.upstream.client import Asking, Upstream
from proxy.upstream.connections import Connections, client_tls


async def _ask(url: str, path: str, *, listed: frozenset[str] = frozenset()) -> int:
    """The status of one GET with a fixed token; `listed` are further origins that may have the token."""
    clock = FakeClock()
    connections = Connections(source="test", url=URL(url), trusted=listed, clock=clock, tls=client_tls)
    tokens = TokenService(connections.fetch, clock)
    authorizer = Authorizer(
        name="test",
        url=url,
        provider=FixedProvider(Found(BearerToken("canary-token"), "a test")),
        tokens=tokens,
        fetch=connections.fetch,
        clock=clock,
    )
    upstream = Upstream(
        name="test",
        url=URL(url),
        credential_origins=listed,
        authorizer=authorizer,
        connections=connections,
        clock=clock,
    )
    try:
        async with upstream.open(Asking("GET", Place("test", path, "team/app"))) as reply:
            return reply.status
    finally:
        await authorizer.close()
        await tokens.close()
        await connections.close()


@pytest.mark.parametrize("listed", [False, True])
async def test_a_path_that_names_another_host(listed: bool) -> None:
    """Behind the source's address, `@host/` makes a user's name of it: nothing goes out, also not to listed ones."""
    async with FakeOrigin() as own, FakeOrigin() as other:
        for server in (own, other):
            server.put("/v2/x", Answer(content=Held(b"x")))
        origins = frozenset({other.url}) if listed else frozenset()
        with pytest.raises(SourceBroken, match=r"source test .* another address than its own"):
            await _ask(own.url, "@" + other.url.removeprefix("http://") + "/v2/x", listed=origins)
        assert (own.count(), other.count()) == (0, 0)
        assert await _ask(own.url, "/v2/x", listed=origins) == 200


@pytest.mark.parametrize("path", [".evil.test/x", "0/x", "x", ":5/x", "\\@evil.test/x", "@[::1/x"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://registry.test"])
async def test_paths_that_change_the_address(url: str, path: str) -> None:
    """What makes another host or port of it, or no address at all, is refused before anything is sent."""
    with pytest.raises(SourceBroken, match="another address than its own") as caught:
        await _ask(url, path)
    assert "canary" not in str(caught.value)


async def test_who_asks() -> None:
    """Every request names the program and its version, as some registries want, and nothing of the client's."""
    async with FakeOrigin() as own:
        own.put("/v2/x", Answer(content=Held(b"x")))
        await _ask(own.url, "/v2/x")
        assert [request.headers["user-agent"] for request in own.requests] == [f"moorage/{__version__}"]
