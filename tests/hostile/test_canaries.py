"""Secrets stand in requests to their own origin and nowhere else: the whole program is driven, then searched."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from e2e.canary import Finding, search
from fakes.access import Access, Basic, Bearer, ConstantToken
from fakes.answers import Answer
from fakes.content import Held
from fakes.faults import CutAfter, Fault, Html200, Redirect, Status, WrongBytes
from fakes.registry import FakeRegistry
from fakes.running import Running, running, source
from fakes.server import FakeOrigin, FakeServer
from fakes.tokens import FakeTokenService
from fakes.wire import WireAnswer
from pipeline.scene import PREFIX, TAG_TTL, SwiftClock, get, head, publish

_USER = "canary-user+né"
_PASSWORD = "c4nary/p+ss w0rd?&é"
_TOKEN = "canary/t0ken+with=signs~"
_IDENTITY = "canary-identity/t0ken+=="
_CLIENTS_OWN = "client-canary-s3cret/+="
_SECRETS = (_PASSWORD, _TOKEN, _IDENTITY, f"{_USER}:{_PASSWORD}", _CLIENTS_OWN)
_CLIENT_HEADERS = {
    "Authorization": "Basic " + base64.b64encode(f"me:{_CLIENTS_OWN}".encode()).decode(),
    "Cookie": f"session={_CLIENTS_OWN}",
    "Proxy_Authorization": f"Bearer {_CLIENTS_OWN}",
    "X_Registry_Auth": _CLIENTS_OWN,
}
_BLOB = b"kept elsewhere"
_FAULTS: tuple[Fault, ...] = (
    *(Status(code) for code in (400, 401, 403, 404, 429, 500)),
    Status(401, (("WWW-Authenticate", 'Basic realm="once more"'),)),
    Html200(),
    WrongBytes(30),
    CutAfter(None),
    CutAfter(20),
    Redirect("file:///etc/passwd"),
    Redirect("http://169.254.169.254/"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to hold a credential: the source's settings, the environment, and what the registry wants to see."""

    name: str
    auth: Mapping[str, object]
    access: Callable[[FakeTokenService], Access]
    stored: Mapping[str, str] | None = None
    inline: bool = False


_BASIC: Mapping[str, object] = {"type": "basic", "username": _USER, "password": _PASSWORD}
_DOCKER: Mapping[str, object] = {"type": "docker"}
_ENTRY = {"auth": base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()}
_KINDS = (
    Kind("basic", _BASIC, lambda tokens: Basic(_USER, _PASSWORD)),
    Kind("basic for a token", _BASIC, Bearer),
    Kind("bearer", {"type": "bearer", "token": _TOKEN}, lambda tokens: ConstantToken(_TOKEN)),
    Kind("docker file", _DOCKER, lambda tokens: Basic(_USER, _PASSWORD), _ENTRY),
    Kind("docker file for a token", _DOCKER, Bearer, _ENTRY),
    Kind("docker identity token", _DOCKER, Bearer, {"auth": "", "identitytoken": _IDENTITY}),
    Kind("docker variable", _DOCKER, Bearer, _ENTRY, inline=True),
)


@dataclass(slots=True)
class Seen:
    """Everything that left the program in a run: answers to clients, and requests to servers that are no origin."""

    answers: list[WireAnswer] = field(default_factory=list)
    access: str = ""
    foreign: list[str] = field(default_factory=list)

    def take(self, server: FakeServer) -> None:
        """Keep what a server heard."""
        self.foreign += [f"{request.target} {dict(request.headers)} {request.body!r}" for request in server.requests]


def _environ(kind: Kind, home: Path, host: str) -> dict[str, str]:
    """The environment with the credential in it, in a file below `home` or in the variable itself."""
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    if kind.stored is None:
        return environ
    document = json.dumps({"auths": {host: dict(kind.stored)}})
    if kind.inline:
        return {**environ, "DOCKER_AUTH_CONFIG": document}
    (home / ".docker").mkdir(parents=True)
    (home / ".docker" / "config.json").write_text(document)
    return environ


async def _drive(
    proxy: Running, upstream: FakeRegistry, tokens: FakeTokenService, evil: FakeOrigin, clock: SwiftClock
) -> list[WireAnswer]:
    """Cold, warm, redirected, refused, broken and misled: every path on which a secret could get lost."""
    image = publish(upstream)
    moved = upstream.add_blob("team/app", _BLOB)
    evil.put("/blob", Answer(content=Held(_BLOB)))
    evil.put("/token", Answer(content=Held(b'{"token": "anything"}')))
    targets = [
        "manifests/v1",
        f"manifests/{image.manifest_digest}",
        "tags/list",
        f"referrers/{image.manifest_digest}",
    ]
    targets += [f"blobs/{image.small_digest}", f"blobs/{image.large_digest}"]
    answers = []

    async def ask_all(*names: str) -> None:
        for name in names:
            answers.extend([await method(proxy.url, f"{PREFIX}/{name}", **_CLIENT_HEADERS) for method in (get, head)])

    await ask_all(*targets)
    assert {answer.status for answer in answers} == {200}, "the credential works"
    await ask_all(*targets)
    upstream.always(moved, Redirect(f"{evil.url}/blob?signature=x"))
    await ask_all(f"blobs/{moved}")
    for number, fault in enumerate(_FAULTS):
        clock.advance(TAG_TTL + 700)
        publish(upstream, tag=f"new{number}", label="x" * (number + 20))
        upstream.always("/v2/team", fault)
        await ask_all("manifests/v1", f"manifests/new{number}", f"blobs/sha256:{number:064x}", "tags/list")
        upstream.clear_faults()
    port = evil.host.rpartition(":")[2]
    for number, realm in enumerate((f"http://localhost:{port}/token", f"http://x@localhost:{port}/token", "http://")):
        clock.advance(TAG_TTL + 700)
        challenge = ("WWW-Authenticate", f'Bearer realm="{realm}",service="registry.test"')
        tokens.expire_all()
        upstream.always("/v2/", Status(401, (challenge,)))
        await ask_all(f"manifests/evil{number}", "manifests/v1")
        upstream.clear_faults()
    refusals: tuple[Fault, ...] = (Status(401), Status(500), Status(429), Html200(), CutAfter(None))
    for number, fault in enumerate(refusals):
        clock.advance(TAG_TTL + 700)
        tokens.expire_all()
        tokens.always("/token", fault)
        await ask_all(f"manifests/token{number}", "manifests/v1")
        tokens.clear_faults()
    return answers


def _findings(seen: Seen, log: str, data_dir: Path) -> Iterator[Finding]:
    answers = [f"{answer.head!r}".encode() + answer.body for answer in seen.answers]
    for secret in _SECRETS:
        yield from search(secret, log, seen.access, data_dir, *answers, *seen.foreign)


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.name)
async def test_a_secret_is_found_nowhere(kind: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the log, an answer, a file of ours, or a request to anybody but its origin, in any form."""
    caplog.set_level(logging.DEBUG)
    clock, seen = SwiftClock(), Seen()
    tokens = FakeTokenService({_USER: _PASSWORD}, refresh_tokens={_IDENTITY: "alice"})
    async with tokens, FakeRegistry() as upstream, FakeOrigin() as evil:
        upstream.access = kind.access(tokens)
        environ = _environ(kind, tmp_path / "home", upstream.host)
        settings = source(upstream.url, auth=dict(kind.auth))
        async with running(tmp_path / "data", settings, clock=clock, environ=environ) as proxy:
            seen.answers = await _drive(proxy, upstream, tokens, evil, clock)
            seen.access = proxy.access.getvalue()
        seen.access = proxy.access.getvalue()
        seen.take(evil)
        origins = [f"{dict(request.headers)} {request.body!r}" for request in (*upstream.requests, *tokens.requests)]
    assert list(_findings(seen, caplog.text, tmp_path / "data")) == []
    assert seen.foreign, "the redirect's target was asked"
    assert seen.access.count("\n") == len(seen.answers)
    assert any(search(secret, *origins) for secret in _SECRETS[:4]), "the search can find what was sent"
    assert search(_CLIENTS_OWN, *origins) == [], "the client's own secrets go nowhere at all"


async def test_a_client_s_secrets_decide_nothing(tmp_path: Path) -> None:
    """Authorization and Cookie of the client change no answer and no key: with others or none it is a hit."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        for headers in ({"Authorization": f"Bearer {_CLIENTS_OWN}"}, {"Cookie": _CLIENTS_OWN}, {}):
            answer = await get(proxy.url, f"{PREFIX}/manifests/v1", **headers)
            assert answer.body == image.manifest
        assert answer.header("Cache-Status") == "moorage; hit"
        (request,) = upstream.requests
        assert set(request.headers) <= {"host", "accept", "accept-encoding", "user-agent"}


async def test_secrets_of_one_source_stay_with_it(tmp_path: Path) -> None:
    """A second source at another address never sees the first one's password, and each gets its own."""
    async with FakeRegistry(Basic(_USER, _PASSWORD)) as one, FakeRegistry(ConstantToken(_TOKEN)) as two:
        publish(one)
        publish(two)
        sources = (
            source(one.url, "one", auth=dict(_BASIC)),
            source(two.url, "two", auth={"type": "bearer", "token": _TOKEN}),
        )
        async with running(tmp_path, *sources) as proxy:
            for name in ("one", "two", "one"):
                assert (await get(proxy.url, f"/v2/{name}/team/app/manifests/v1")).status == 200
        heard = {server: [str(dict(request.headers)) for request in server.requests] for server in (one, two)}
    assert search(_PASSWORD, *heard[two]) == search(f"{_USER}:{_PASSWORD}", *heard[two]) == []
    assert search(_TOKEN, *heard[one]) == []
    assert search(_TOKEN, *heard[two])
