"""Exchanging credentials for tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from fakes.clock import FakeClock
from fakes.fetch import Call, FakeFetch, reply

from proxy.auth.credentials import Anonymous, Credential, Found, IdentityToken, UserPassword
from proxy.auth.fetch import FetchReply
from proxy.auth.tokens import REPLY_LIMIT, TokenRequest, TokenService
from proxy.core.errors import SourceBroken, SourceDenied, SourceError, SourceLimited, SourceUnreachable

_REALM = "https://auth.example.com/token"


class _Service:
    """A token service that numbers its tokens, and ours in front of it."""

    def __init__(self, answer: Callable[[Call], FetchReply] | None = None) -> None:
        self.clock = FakeClock()
        self.fetch = FakeFetch(answer or self._number)
        self.tokens = TokenService(self.fetch, self.clock)

    def _number(self, call: Call) -> FetchReply:
        return reply(body={"token": f"token-{len(self.fetch.calls)}", "expires_in": 300})


def _request(credential: Credential | None = None, scope: str = "repository:team/app:pull") -> TokenRequest:
    found = Found(credential or Anonymous(), "config.json in ~/.docker")
    return TokenRequest("work", _REALM, "registry", scope, found)


def _query(call: Call) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(call.url).query)


async def test_anonymous_exchange() -> None:
    """Without a credential the token is asked for by GET, with service and scope and nothing else."""
    service = _Service()
    assert (await service.tokens.token(_request())).value == "token-1"
    (call,) = service.fetch.calls
    assert urlsplit(call.url)._replace(query="").geturl() == _REALM
    assert _query(call) == [("service", "registry"), ("scope", "repository:team/app:pull")]
    assert (call.headers, call.form, call.limit) == ({}, None, REPLY_LIMIT)


async def test_password_exchange() -> None:
    """A password goes to the token service as Basic, never into the URL."""
    service = _Service()
    await service.tokens.token(_request(UserPassword("ann", "canary")))
    (call,) = service.fetch.calls
    assert call.headers == {"Authorization": "Basic YW5uOmNhbmFyeQ=="}
    assert ("account", "ann") in _query(call)
    assert "canary" not in call.url


async def test_realms_with_a_query() -> None:
    """What the realm's own query says is kept; a missing service is not sent, nor is a fragment."""
    service = _Service()
    await service.tokens.token(replace(_request(), realm=f"{_REALM}?a=b%2Fc#x", service=""))
    assert service.fetch.calls[0].url == f"{_REALM}?a=b%2Fc&scope=repository:team/app:pull"


async def test_hostile_service_names_stay_in_their_parameter() -> None:
    """A service that holds `&` and `#` adds no parameter of its own."""
    service = _Service()
    await service.tokens.token(replace(_request(), service="x&scope=repository:secret:push#"))
    assert _query(service.fetch.calls[0]) == [
        ("service", "x&scope=repository:secret:push#"),
        ("scope", "repository:team/app:pull"),
    ]


async def test_tokens_are_kept_until_nine_tenths_of_their_life() -> None:
    """A token is used again while it is good, and replaced before it ends."""
    service = _Service()
    for seconds, expected in ((0, "token-1"), (269, "token-1"), (2, "token-2"), (200, "token-2")):
        service.clock.advance(seconds)
        assert (await service.tokens.token(_request())).value == expected


async def test_absurd_lifetimes_end() -> None:
    """A token that claims to live for ever is replaced within a day."""
    service = _Service(lambda _: reply(body=b'{"token": "t", "expires_in": 1e99}'))
    await service.tokens.token(_request())
    service.clock.advance(24 * 3600)
    await service.tokens.token(_request())
    assert len(service.fetch.calls) == 2


async def test_tokens_of_different_requests_are_apart() -> None:
    """Another repository, credential, realm, service or source never gets a token that was not made for it."""
    service = _Service()
    first = _request(UserPassword("ann", "a"))
    requests = [
        first,
        replace(first, scope="repository:team/other:pull"),
        _request(UserPassword("bob", "a")),
        _request(),
        replace(first, realm=f"{_REALM}2"),
        replace(first, service="other"),
        replace(first, source="home"),
    ]
    values = [(await service.tokens.token(request)).value for request in requests]
    assert len(set(values)) == len(requests)
    assert [(await service.tokens.token(request)).value for request in requests] == values


async def test_one_call_for_many_callers() -> None:
    """Fifty callers at once, of whom the first leaves, cost one exchange."""
    service = _Service()
    service.fetch.gate.clear()
    tasks = [asyncio.create_task(service.tokens.token(_request())) for _ in range(50)]
    await service.fetch.called(1)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    service.fetch.gate.set()
    assert {token.value for token in await asyncio.gather(*tasks[1:])} == {"token-1"}
    assert tasks[0].cancelled()
    assert len(service.fetch.calls) == 1


async def test_closing_ends_an_exchange() -> None:
    """Closing the service releases who waits for it."""
    service = _Service()
    service.fetch.gate.clear()
    task = asyncio.create_task(service.tokens.token(_request()))
    await service.fetch.called(1)
    await service.tokens.close()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_dropping() -> None:
    """Dropping a refused token takes that one away, and never its successor."""
    service = _Service()
    first = await service.tokens.token(_request())
    service.tokens.drop(_request(), first)
    assert service.tokens.held(_request()) is None
    second = await service.tokens.token(_request())
    service.tokens.drop(_request(), first)
    assert service.tokens.held(_request()) == second


async def test_identity_token_exchange() -> None:
    """An identity token is exchanged by POST, in the body alone."""
    service = _Service()
    await service.tokens.token(_request(IdentityToken("", "canary")))
    (call,) = service.fetch.calls
    assert call.url == _REALM
    assert call.headers == {}
    assert call.form == {
        "grant_type": "refresh_token",
        "client_id": "moorage",
        "scope": "repository:team/app:pull",
        "refresh_token": "canary",
        "service": "registry",
    }


@pytest.mark.parametrize("status", [404, 405])
async def test_services_without_post(status: int) -> None:
    """A service that knows no POST is asked by GET, with the identity token as the password."""
    service = _Service(lambda call: reply(status) if call.form is not None else reply(body={"token": "t"}))
    assert (await service.tokens.token(_request(IdentityToken("ann", "canary")))).value == "t"
    assert [call.form is not None for call in service.fetch.calls] == [True, False]
    assert service.fetch.calls[1].headers == {"Authorization": UserPassword("ann", "canary").basic}
    assert "canary" not in service.fetch.calls[1].url


async def test_rotated_refresh_tokens() -> None:
    """The refresh token that came back last is used next, for every repository; once refused, the stored one is."""
    refused: set[str] = set()

    def rotate(call: Call) -> FetchReply:
        assert call.form is not None
        presented = call.form["refresh_token"]
        if presented in refused:
            return reply(400, body={"error": "invalid_grant"})
        return reply(body={"access_token": "t", "refresh_token": presented + "+"})

    service = _Service(rotate)
    stored = IdentityToken("", "r")
    for number in range(3):
        await service.tokens.token(_request(stored, f"repository:app{number}:pull"))
    refused.add("r+++")
    with pytest.raises(SourceDenied):
        await service.tokens.token(_request(stored, "repository:app3:pull"))
    await service.tokens.token(_request(stored, "repository:app4:pull"))
    presented = [call.form["refresh_token"] for call in service.fetch.calls if call.form is not None]
    assert presented == ["r", "r+", "r++", "r+++", "r"]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (reply(400), SourceDenied, "400"),
        (reply(401), SourceDenied, "401"),
        (reply(403, body=b"canary"), SourceDenied, "config.json in ~/.docker"),
        (reply(429, retry_after="7"), SourceLimited, "7 s"),
        (reply(500, body=b"canary"), SourceUnreachable, "500"),
        (reply(503), SourceUnreachable, "503"),
        (reply(302), SourceBroken, "302"),
        (reply(404), SourceBroken, "404"),
        (reply(204), SourceBroken, "204"),
        (reply(200, body=b"<html>canary</html>"), SourceBroken, "JSON"),
        (reply(200, body={}), SourceBroken, "no token"),
        (reply(200, body={"token": "canary\r\nX-Evil: 1"}), SourceBroken, "header"),
        (reply(200, body=b" " * (REPLY_LIMIT + 1)), SourceBroken, "65536"),
    ],
)
async def test_failures(answer: FetchReply, error: type[SourceError], words: str) -> None:
    """Each failure has its class and names the source and the service, and nothing of it is kept."""
    service = _Service(lambda _: answer)
    with pytest.raises(error) as caught:
        await service.tokens.token(_request(UserPassword("ann", "canary")))
    assert type(caught.value) is error
    for word in ("source work", "auth.example.com", words):
        assert word in caught.value.message
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert service.tokens.held(_request(UserPassword("ann", "canary"))) is None


async def test_limits_hand_on_the_wait() -> None:
    """A 429's wait reaches whoever has to keep to it."""
    service = _Service(lambda _: reply(429, retry_after="7"))
    with pytest.raises(SourceLimited) as caught:
        await service.tokens.token(_request())
    assert caught.value.retry_after == 7


async def test_network_failures_pass_through() -> None:
    """What the network layer raises is raised to every caller, and the next caller tries again."""

    def fail(_: Call) -> FetchReply:
        raise SourceUnreachable("no route")

    service = _Service(fail)
    for _ in range(2):
        with pytest.raises(SourceUnreachable, match="no route"):
            await service.tokens.token(_request())
    assert len(service.fetch.calls) == 2
