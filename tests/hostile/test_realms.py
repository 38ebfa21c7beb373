"""A source that names somebody else's token service: no password leaves, and the refusal says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.access import Bearer
from fakes.answers import Answer
from fakes.content import Held
from fakes.faults import Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.server import FakeOrigin
from fakes.tokens import FakeTokenService
from pipeline.scene import PREFIX, error_of, get, publish

_USER = {"type": "basic", "username": "alice", "password": "correct horse"}
_GREEDY = Answer(content=Held(b'{"token": "given to anybody"}'))


@pytest.mark.parametrize(
    "realm",
    [
        "http://localhost:{port}/token",
        "http://good@localhost:{port}/token",
        "http://127.0.0.1@localhost:{port}/token",
        "http://127.0.0.1.localhost:{port}/token",
        "http://127.0.0.1\\@localhost:{port}/token",
        "http://127.0.0.1#@localhost:{port}/token",
        "http://localhost:{port}\\@127.0.0.1/token",
        "http://0.0.0.0:{port}/token",
        "http://[::ffff:127.0.0.1]:{port}/token",
        "http://0x7f.1:{port}/token",
        "http://127.1:{port}/token",
        "https://localhost:{port}/token",
        "http://169.254.169.254/latest/api/token",
        "//localhost:{port}/token",
        "/token",
        "http:///token",
        "http://",
        "",
        "file:///etc/passwd",
        "http://127.0.0.1:{port}:80/token",
        "http://127.0.0.1:99999/token",
        "http://127.0.0.1 localhost:{port}/token",
    ],
)
async def test_a_foreign_realm_gets_nothing(realm: str, tmp_path: Path) -> None:
    """However the realm is spelled and wherever it is told, nobody but the source hears from us."""
    async with FakeTokenService() as tokens, FakeRegistry() as upstream, FakeOrigin() as evil:
        publish(upstream)
        evil.put("/token", _GREEDY)
        written = realm.replace("{port}", evil.host.rpartition(":")[2]).replace("\\", "\\\\")
        sources = source(upstream.url, auth=_USER), source(upstream.url, "late", auth=_USER, hosts=["late.test"])
        async with running(tmp_path, *sources) as proxy:
            # Told by the resource alone, and then by the ping as well.
            challenge = f'Bearer realm="{written}",service="registry.test"'
            upstream.always("/manifests/", Status(401, (("WWW-Authenticate", challenge),)))
            answers = [await get(proxy.url, f"{PREFIX}/manifests/v1")]
            upstream.access = Bearer(tokens, realm=written)
            answers += [await get(proxy.url, f"/v2/{name}/team/app/manifests/v1") for name in ("test", "late")]
        for answer, name in zip(answers, ("test", "test", "late"), strict=True):
            assert answer.status in {403, 502}
            assert f"source {name}" in error_of(answer)[1]
        assert evil.connections == 0
        assert not [request for request in upstream.requests if "authorization" in request.headers]


async def test_the_refusal_holds_the_line_to_add(tmp_path: Path) -> None:
    """The message prints the setting; with it the token is fetched there, for reading this repository alone."""
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry() as upstream:
        image = publish(upstream)
        realm = f"http://localhost:{tokens.host.rpartition(':')[2]}"
        upstream.access = Bearer(tokens, realm=f"{realm}/token")
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            message = error_of(await get(proxy.url, f"{PREFIX}/manifests/v1"))[1]
        assert f'trusted_realms = ["{realm}"]' in message
        assert tokens.connections == 0
        async with running(tmp_path, source(upstream.url, auth=_USER, trusted_realms=[realm])) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == image.manifest
        (request,) = tokens.requests
        assert request.parameter("scope") == "repository:team/app:pull"


async def test_another_port_of_the_own_host_is_trusted(tmp_path: Path) -> None:
    """A token service beside the registry needs no setting."""
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        image = publish(upstream)
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == image.manifest


async def test_a_token_is_for_one_repository(tmp_path: Path) -> None:
    """The token of one repository is never shown for another: each request carries the one that was made for it."""
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        for name in ("one", "two"):
            publish(upstream, name)
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            for name in ("one", "two", "one"):
                for target in ("manifests/v1", "tags/list"):
                    assert (await get(proxy.url, f"/v2/test/{name}/{target}")).status == 200
        shown: dict[str, set[str]] = {}
        for request in upstream.requests:
            if "authorization" in request.headers:
                shown.setdefault(request.path.split("/")[2], set()).add(request.headers["authorization"])
        assert {name: len(values) for name, values in shown.items()} == {"one": 1, "two": 1}
        assert shown["one"] != shown["two"]
        assert upstream.challenges == 1


@pytest.mark.parametrize("challenge", ["a=b " * 2000, 'Bearer realm="' + "x" * 8000, ", ".join(["Bearer x=y"] * 500)])
async def test_an_absurd_challenge_is_an_answer(challenge: str, tmp_path: Path) -> None:
    """Kilobytes of nonsense in WWW-Authenticate are a refusal like any other."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
        upstream.always("/v2/", Status(401, (("WWW-Authenticate", challenge),)))
        answer = await get(proxy.url, f"{PREFIX}/manifests/v1")
    assert (answer.status, error_of(answer)[0]) == (403, "DENIED")
