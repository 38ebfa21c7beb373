"""No secret is visible in anything that could be printed."""

from __future__ import annotations

import base64
import logging
from urllib.parse import quote

import pytest
from fakes.clock import FakeClock
from fakes.fetch import FakeFetch, reply

from proxy.auth.authorizer import Authorization, Authorizer
from proxy.auth.credentials import BearerToken, Credential, Found, IdentityToken, UserPassword
from proxy.auth.fetch import FetchReply
from proxy.auth.helperprocess import HelperOutput
from proxy.auth.tokenreply import TokenReply
from proxy.auth.tokens import Token, TokenRequest, TokenService
from proxy.auth.wiring import FixedProvider
from proxy.core.errors import SourceError

_CANARY = "c4n4ry/+s3cret"
_FORMS = (_CANARY, quote(_CANARY, safe=""), base64.b64encode(_CANARY.encode()).decode().rstrip("="))
_CREDENTIALS: list[Credential] = [
    UserPassword(_CANARY, _CANARY),
    BearerToken(_CANARY),
    IdentityToken(_CANARY, _CANARY),
]


def _shows(text: str) -> bool:
    # base64 of a longer text holds the canary at one of three offsets.
    offsets = [base64.b64encode(b"x" * pad + _CANARY.encode()).decode()[4:-4] for pad in range(3)]
    return any(form in text for form in (*_FORMS, *offsets))


@pytest.mark.parametrize(
    "value",
    [
        *_CREDENTIALS,
        *(Found(credential, "a file") for credential in _CREDENTIALS),
        *(TokenRequest("work", "https://a", "b", "c", Found(each, "a file")) for each in _CREDENTIALS),
        Token(_CANARY, 0, 0),
        TokenReply(_CANARY, 0, _CANARY),
        Authorization(_CANARY),
        FetchReply(200, (), _CANARY.encode(), None),
        HelperOutput(0, _CANARY.encode()),
    ],
)
def test_values_hide_their_secrets(value: object) -> None:
    """Printing a value, or putting it into a message, shows nothing of what it holds."""
    assert not _shows(f"{value} {value!r} {[value]}")


def test_the_check_can_fail() -> None:
    """The search finds the canary in each form in which it would be sent."""
    assert all(map(_shows, (_CANARY, quote(_CANARY, safe=""), UserPassword("a", _CANARY).basic)))


@pytest.mark.parametrize("credential", _CREDENTIALS)
@pytest.mark.parametrize(
    "answer",
    [reply(status, body=_CANARY.encode()) for status in (200, 302, 400, 401, 403, 404, 429, 500)]
    + [reply(200, body={"token": f"{_CANARY} {_CANARY}"}), reply(200, body={"token": _CANARY})],
)
async def test_errors_and_logs_hide_secrets(
    credential: Credential, answer: FetchReply, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a token service answers, no error, description or log line shows a secret, ours or the service's."""
    caplog.set_level(logging.DEBUG)
    clock = FakeClock()
    challenge = 'Bearer realm="https://registry.example.com/token"'
    fetch = FakeFetch(lambda call: reply(401, challenge) if call.url.endswith("/v2/") else answer)
    authorizer = Authorizer(
        name="work",
        url="https://registry.example.com",
        provider=FixedProvider(Found(credential, "a file")),
        tokens=TokenService(fetch, clock),
        fetch=fetch,
        clock=clock,
    )
    said = [authorizer.describe()]
    try:
        said.append(repr(await authorizer.authorization("team/app")))
    except SourceError as error:
        chain: BaseException | None = error
        while chain is not None:
            said.append(f"{chain} {chain!r} {vars(chain)}")
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    assert len(said) > 1
    assert not _shows(" ".join([*said, caplog.text, authorizer.describe()]))
