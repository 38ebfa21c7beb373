"""From a source's settings to its authorizer."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.fetch import Call, FakeFetch, reply
from pydantic import SecretStr

from proxy.auth.authorizer import Authorizer
from proxy.auth.credentials import Anonymous, BearerToken, Credential, UserPassword
from proxy.auth.dockerstores import DockerStores
from proxy.auth.fetch import FetchReply
from proxy.auth.tokens import TokenService
from proxy.auth.wiring import authorizer_for, provider_for
from proxy.config.model import AuthSettings, BasicAuth, BearerAuth, DockerAuth, NoAuth, SourceSettings

_BASIC = BasicAuth(username=SecretStr("ann"), password=SecretStr("canary-secret"))
_ELSEWHERE = "https://auth.elsewhere.com"


def _settings(auth: AuthSettings, **fields: object) -> SourceSettings:
    return SourceSettings.model_validate(
        {"name": "work", "type": "oci", "url": "https://registry.example.com", "auth": auth, **fields}
    )


def _stores(folder: Path) -> DockerStores:
    entry = {"auth": base64.b64encode(b"file:secret").decode()}
    (folder / "config.json").write_text(json.dumps({"auths": {"registry.example.com": entry}}))
    return DockerStores({"REGISTRY_AUTH_FILE": str(folder / "config.json")}, FakeClock())


def _authorizer(settings: SourceSettings, folder: Path, fetch: FakeFetch) -> Authorizer:
    clock = FakeClock()
    tokens = TokenService(fetch, clock)
    return authorizer_for(settings, stores=_stores(folder), tokens=tokens, fetch=fetch, clock=clock)


@pytest.mark.parametrize(
    ("auth", "credential", "words"),
    [
        (NoAuth(), Anonymous(), "anonymous access"),
        (BearerAuth(token=SecretStr("canary")), BearerToken("canary"), "configuration"),
        (_BASIC, UserPassword("ann", "canary-secret"), "configuration"),
        (DockerAuth(), UserPassword("file", "secret"), "config.json"),
    ],
)
async def test_providers(auth: AuthSettings, credential: Credential, words: str, tmp_path: Path) -> None:
    """Each type of authentication finds its credential and says where, also after it was told to forget."""
    provider = provider_for(_settings(auth), _stores(tmp_path))
    provider.forget()
    found = await provider.find("team/app")
    assert found.credential == credential
    assert words in found.origin


async def test_docker_credentials_follow_the_url(tmp_path: Path) -> None:
    """Serving under another registry's name does not hand that registry's credential to this one."""
    settings = _settings(DockerAuth(), url="https://mirror.example.org", hosts=["registry.example.com"])
    assert (await provider_for(settings, _stores(tmp_path)).find("team/app")).credential == Anonymous()


@pytest.mark.parametrize(
    ("auth", "pings"), [(NoAuth(), 0), (BearerAuth(token=SecretStr("t")), 0), (_BASIC, 1), (DockerAuth(), 1)]
)
async def test_who_is_asked_first(auth: AuthSettings, pings: int, tmp_path: Path) -> None:
    """Only a credential whose use depends on the challenge costs a ping."""
    fetch = FakeFetch(lambda _: reply(200))
    await _authorizer(_settings(auth), tmp_path, fetch).authorization("team/app")
    assert len(fetch.calls) == pings


@pytest.mark.parametrize(
    "settings",
    [
        _settings(_BASIC, trusted_realms=[_ELSEWHERE]),
        _settings(_BASIC, trusted_realms=["auth.elsewhere.com"]),
        _settings(BasicAuth(username=SecretStr("a"), password=SecretStr("b"), origins=(_ELSEWHERE,))),
    ],
)
async def test_trusted_places_reach_the_realm_rule(settings: SourceSettings, tmp_path: Path) -> None:
    """What the configuration trusts is trusted."""

    def answer(call: Call) -> FetchReply:
        if call.url.startswith(_ELSEWHERE):
            return reply(body={"token": "t"})
        return reply(401, f'Bearer realm="{_ELSEWHERE}/token"')

    authorization = await _authorizer(settings, tmp_path, FakeFetch(answer)).authorization("team/app")
    assert authorization is not None
    assert authorization.header == "Bearer t"
