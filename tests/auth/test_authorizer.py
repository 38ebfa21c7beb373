"""One source's credential in use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
from fakes.clock import FakeClock
from fakes.fetch import Call, FakeFetch, reply

from proxy.auth.authorizer import Authorization, Authorizer
from proxy.auth.credentials import Anonymous, BearerToken, Credential, Found, IdentityToken, UserPassword
from proxy.auth.fetch import FetchReply
from proxy.auth.tokens import TokenService
from proxy.core.errors import SourceBroken, SourceDenied, SourceLimited, SourceUnreachable

_URL = "https://registry.example.com"
_REALM = "https://registry.example.com/token"
_BEARER = f'Bearer realm="{_REALM}",service="registry",scope="repository:placeholder:pull,push"'
_BASIC = 'Basic realm="registry"'
_ANN = UserPassword("ann", "canary-secret")


class _Provider:
    """Finds what a test put here; `forgotten` counts, and a forgotten credential is replaced by the next one."""

    def __init__(self, *credentials: Credential) -> None:
        self._credentials = list(credentials)
        self.forgotten = 0

    async def find(self, repository: str) -> Found:
        return Found(self._credentials[0], "helper docker-credential-test")

    def forget(self) -> None:
        self.forgotten += 1
        if len(self._credentials) > 1:
            del self._credentials[0]


class _Bench:
    """A registry that says what a test wants at its root and numbers its tokens, and our authorizer for it."""

    def __init__(
        self,
        *credentials: Credential,
        root: FetchReply | None = None,
        token: Callable[[Call], FetchReply] | None = None,
        **options: bool | tuple[str, ...],
    ) -> None:
        self.clock = FakeClock()
        self.fetch = FakeFetch(self._answer)
        self.provider = _Provider(*(credentials or (_ANN,)))
        self.root = root or reply(401, _BEARER)
        self._token = token or self._number
        trusted, ask_first = options.get("trusted_realms", ()), options.get("ask_first", True)
        assert isinstance(trusted, tuple)
        assert isinstance(ask_first, bool)
        self.authorizer = Authorizer(
            name="work",
            url=_URL,
            provider=self.provider,
            tokens=TokenService(self.fetch, self.clock),
            fetch=self.fetch,
            clock=self.clock,
            trusted_realms=trusted,
            ask_first=ask_first,
        )

    def _answer(self, call: Call) -> FetchReply:
        return self.root if call.url.endswith("/v2/") else self._token(call)

    def _number(self, call: Call) -> FetchReply:
        return reply(body={"token": f"token-{self.token_calls}", "expires_in": 300})

    @property
    def pings(self) -> int:
        return sum(call.url.endswith("/v2/") for call in self.fetch.calls)

    @property
    def token_calls(self) -> int:
        return len(self.fetch.calls) - self.pings

    async def header(self, repository: str = "team/app") -> str | None:
        return _header(await self.authorizer.authorization(repository))

    async def refuse(
        self, header: str | None, *challenges: str, status: int = 401, repository: str = "team/app"
    ) -> str | None:
        refused = None if header is None else Authorization(header)
        return _header(await self.authorizer.after_refusal(repository, challenges, refused=refused, status=status))


def _header(authorization: Authorization | None) -> str | None:
    return None if authorization is None else authorization.header


async def test_bearer_challenge() -> None:
    """A registry with a token service gets a token, for reading this repository alone whatever its challenge says."""
    bench = _Bench()
    assert await bench.header() == "Bearer token-1"
    ping, token = bench.fetch.calls
    assert (ping.url, ping.headers, ping.form) == (f"{_URL}/v2/", {}, None)
    assert token.url.startswith(f"{_REALM}?service=registry&scope=repository:team/app:pull&")
    assert token.headers == {"Authorization": _ANN.basic}


async def test_nothing_is_asked_twice() -> None:
    """One ping and one token for each repository, however often they are needed."""
    bench = _Bench()
    for _ in range(3):
        assert await bench.header("team/app") == "Bearer token-1"
        assert await bench.header("team/other") == "Bearer token-2"
    assert (bench.pings, bench.token_calls) == (1, 2)


async def test_fifty_at_once() -> None:
    """Fifty requests at once cost one ping and one token, even if the one that began them leaves."""
    bench = _Bench()
    bench.fetch.gate.clear()
    tasks = [asyncio.create_task(bench.header()) for _ in range(50)]
    await bench.fetch.called(1)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    bench.fetch.gate.set()
    assert set(await asyncio.gather(*tasks[1:])) == {"Bearer token-1"}
    assert (bench.pings, bench.token_calls) == (1, 1)


async def test_basic_challenge() -> None:
    """A registry that wants Basic gets it, without any token call."""
    bench = _Bench(root=reply(401, _BASIC))
    assert await bench.header() == _ANN.basic
    assert (bench.pings, bench.token_calls) == (1, 0)


@pytest.mark.parametrize("challenges", [(_BASIC, _BEARER), (f"{_BASIC}, {_BEARER}",), (f"{_BEARER}, {_BASIC}",)])
async def test_bearer_goes_before_basic(challenges: tuple[str, ...]) -> None:
    """Where both are offered, the token is the choice."""
    assert await _Bench(root=reply(401, *challenges)).header() == "Bearer token-1"


@pytest.mark.parametrize("challenge", ["Digest realm=x", "Negotiate", "Bearer service=x", ""])
async def test_challenges_that_nothing_of_ours_fits(challenge: str) -> None:
    """A scheme that we do not speak, or a Bearer without a realm, gets nothing."""
    assert await _Bench(root=reply(401, challenge)).header() is None


@pytest.mark.parametrize("status", [200, 404, 403, 301])
async def test_open_registries(status: int) -> None:
    """A root without a challenge means that nothing is wanted, whatever else it says; no password is sent."""
    bench = _Bench(root=reply(status))
    assert await bench.header() is None
    assert await bench.header() is None
    assert bench.pings == 1


async def test_anonymous_tokens() -> None:
    """Without a credential the token is asked for anonymously; a Basic challenge gets nothing."""
    bench = _Bench(Anonymous())
    assert await bench.header() == "Bearer token-1"
    assert bench.fetch.calls[1].headers == {}
    assert await _Bench(Anonymous(), root=reply(401, _BASIC)).header() is None


async def test_ready_tokens_need_no_question() -> None:
    """A token that the source itself takes goes out at once."""
    bench = _Bench(BearerToken("ready"))
    assert await bench.header() == "Bearer ready"
    assert not bench.fetch.calls


async def test_ready_token_that_fits_no_header() -> None:
    """A stored token with a line break becomes an error of its own, not a header."""
    bench = _Bench(BearerToken("canary\r\nX-Evil: 1"))
    with pytest.raises(SourceDenied) as caught:
        await bench.header()
    assert "canary" not in repr(caught.value)


async def test_without_asking_first() -> None:
    """Where nothing is asked beforehand, the first refusal teaches what is wanted and later requests know."""
    bench = _Bench(Anonymous(), ask_first=False)
    assert await bench.header() is None
    assert not bench.fetch.calls
    assert await bench.refuse(None, _BEARER) == "Bearer token-1"
    assert await bench.header() == "Bearer token-1"
    assert (bench.pings, bench.token_calls) == (0, 1)


async def test_refusals_without_a_challenge() -> None:
    """A 401 without a challenge is understood by the root's, which is asked for if it is not known."""
    bench = _Bench(Anonymous(), ask_first=False)
    assert await bench.refuse(None) == "Bearer token-1"
    assert bench.pings == 1
    known = _Bench()
    assert await known.header() == "Bearer token-1"
    assert await known.refuse("Bearer token-1") == "Bearer token-2"
    assert known.pings == 1


async def test_challenge_of_the_refusal_counts() -> None:
    """A registry whose root is open may still want Basic for its content."""
    bench = _Bench(root=reply(200))
    assert await bench.header() is None
    assert await bench.refuse(None, _BASIC) == _ANN.basic
    assert await bench.header() == _ANN.basic


async def test_stale_token() -> None:
    """A refused token is dropped and a new one is retried with."""
    bench = _Bench()
    assert await bench.header() == "Bearer token-1"
    assert await bench.refuse("Bearer token-1", _BEARER) == "Bearer token-2"
    assert await bench.header() == "Bearer token-2"
    assert bench.token_calls == 2


async def test_fifty_refusals_of_one_token() -> None:
    """Fifty refusals of one stale token, of which one comes late and one caller leaves, cost one new token."""
    bench = _Bench()
    await bench.header()
    bench.fetch.gate.clear()
    tasks = [asyncio.create_task(bench.refuse("Bearer token-1", _BEARER)) for _ in range(50)]
    await bench.fetch.called(3)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    bench.fetch.gate.set()
    assert set(await asyncio.gather(*tasks[1:])) == {"Bearer token-2"}
    assert await bench.refuse("Bearer token-1", _BEARER) == "Bearer token-2"
    assert bench.token_calls == 2
    assert bench.provider.forgotten == 1


async def test_same_token_again_is_nothing_better() -> None:
    """A service that gives the refused token once more ends the matter."""
    bench = _Bench(token=lambda _: reply(body={"token": "same", "expires_in": 300}))
    assert await bench.header() == "Bearer same"
    assert await bench.refuse("Bearer same", _BEARER) is None


async def test_403_of_a_new_token_is_final() -> None:
    """A 403 for a token just made means that we may not, and costs no second token."""
    bench = _Bench()
    assert await bench.header() == "Bearer token-1"
    assert await bench.refuse("Bearer token-1", status=403) is None
    assert await bench.header() == "Bearer token-1"
    assert bench.token_calls == 1


async def test_403_of_an_old_token_may_mean_expired() -> None:
    """A 403 for a token in use for a minute is tried once more with a new one."""
    bench = _Bench()
    assert await bench.header() == "Bearer token-1"
    bench.clock.advance(60)
    assert await bench.refuse("Bearer token-1", status=403) == "Bearer token-2"
    assert bench.pings == 1


async def test_403_of_a_bare_request() -> None:
    """A 403 without a challenge for a request that carried nothing asks nobody."""
    bench = _Bench(Anonymous(), ask_first=False)
    assert await bench.refuse(None, status=403) is None
    assert not bench.fetch.calls


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_password_of_a_helper(status: int) -> None:
    """After a refusal the helper is asked again; a new password is retried with, the old one is not."""
    bench = _Bench(_ANN, UserPassword("ann", "renewed"), root=reply(401, _BASIC))
    assert await bench.header() == _ANN.basic
    assert await bench.refuse(_ANN.basic, _BASIC, status=status) == UserPassword("ann", "renewed").basic
    assert await bench.refuse(UserPassword("ann", "renewed").basic, _BASIC, status=status) is None
    assert bench.provider.forgotten == 2


async def test_refused_ready_token() -> None:
    """A refused token of the configuration has nothing better behind it; a helper's may have."""
    assert await _Bench(BearerToken("a")).refuse("Bearer a", _BEARER) is None
    assert await _Bench(BearerToken("a"), BearerToken("b")).refuse("Bearer a", _BEARER) == "Bearer b"


async def test_refusal_at_the_token_service_forgets_the_helper() -> None:
    """A password that the token service refuses is asked for again at the next request."""

    def only_renewed(call: Call) -> FetchReply:
        good = call.headers == {"Authorization": UserPassword("ann", "renewed").basic}
        return reply(body={"token": "t"}) if good else reply(401)

    bench = _Bench(_ANN, UserPassword("ann", "renewed"), token=only_renewed)
    with pytest.raises(SourceDenied) as caught:
        await bench.header()
    assert "helper docker-credential-test" in caught.value.message
    assert await bench.header() == "Bearer t"


async def test_identity_tokens() -> None:
    """An identity token is exchanged, and never shown to a registry that wants Basic."""
    bench = _Bench(IdentityToken("", "refresh"))
    assert await bench.header() == "Bearer token-1"
    form = bench.fetch.calls[1].form
    assert isinstance(form, Mapping)
    assert form["refresh_token"] == "refresh"
    assert await _Bench(IdentityToken("", "refresh"), root=reply(401, _BASIC)).header() is None


@pytest.mark.parametrize("credential", [_ANN, Anonymous(), IdentityToken("", "canary-secret")])
async def test_foreign_realms(credential: Credential) -> None:
    """A token service on another host is sent nothing, not even an anonymous question, until it is trusted."""
    root = reply(401, 'Bearer realm="https://evil.example.org/token"')
    bench = _Bench(credential, root=root)
    with pytest.raises(SourceBroken, match=r'trusted_realms = \["https://evil\.example\.org"\]'):
        await bench.header()
    assert bench.token_calls == 0
    trusting = _Bench(credential, root=root, trusted_realms=("https://evil.example.org",))
    assert await trusting.header() == "Bearer token-1"


async def test_foreign_realm_in_a_refusal() -> None:
    """The rule holds for the challenge of a refusal as well."""
    bench = _Bench()
    await bench.header()
    with pytest.raises(SourceBroken):
        await bench.refuse("Bearer token-1", 'Bearer realm="https://evil.example.org/token"')
    assert bench.token_calls == 1


async def test_root_that_fails() -> None:
    """A root that fails is an error of its own kind and is asked again by the next request."""
    bench = _Bench(root=reply(429, retry_after="9"))
    with pytest.raises(SourceLimited) as caught:
        await bench.header()
    assert caught.value.retry_after == 9
    bench.root = reply(503)
    with pytest.raises(SourceUnreachable, match=r"source work.*503"):
        await bench.header()
    bench.root = reply(401, _BEARER)
    assert await bench.header() == "Bearer token-1"


async def test_description() -> None:
    """For messages, the authorizer says where its credential comes from."""
    bench = _Bench()
    assert "no credential" in bench.authorizer.describe()
    await bench.header()
    assert bench.authorizer.describe() == "helper docker-credential-test"


async def test_closing() -> None:
    """Closing releases who waits for a ping."""
    bench = _Bench()
    bench.fetch.gate.clear()
    task = asyncio.create_task(bench.header())
    await bench.fetch.called(1)
    await bench.authorizer.close()
    with pytest.raises(asyncio.CancelledError):
        await task
