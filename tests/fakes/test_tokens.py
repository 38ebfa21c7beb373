"""The fake token service refuses what a careful client does not send."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from fakes.access import basic_authorization
from fakes.faults import Status
from fakes.tokens import FakeTokenService
from fakes.wire import Wire, WireAnswer, ask

SCOPE = "repository:acme/app:pull"
BASIC = (("Authorization", basic_authorization("user", "word")),)


async def post(service: FakeTokenService, form: dict[str, str]) -> WireAnswer:
    body = urlencode(form).encode()
    head = f"POST /token HTTP/1.1\r\nHost: {service.host}\r\nContent-Length: {len(body)}\r\n"
    async with await Wire.connect(service.url) as wire:
        await wire.send(head.encode() + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body)
        return await wire.answer()


def refresh(token: str) -> dict[str, str]:
    return {
        "grant_type": "refresh_token",
        "service": "registry.test",
        "client_id": "test",
        "refresh_token": token,
        "scope": SCOPE,
    }


async def test_a_known_user_gets_a_token_for_the_scope() -> None:
    """The token holds for the scope asked for, and until its lifetime is over."""
    now = [100.0]
    async with FakeTokenService({"user": "word"}, lifetime=60, now=lambda: now[0]) as service:
        answer = await ask(service.url, f"/token?service=registry.test&scope={SCOPE}", headers=BASIC)
        token = json.loads(answer.body)["token"]
        assert service.allows(token, SCOPE)
        assert not service.allows(token, "repository:acme/other:pull")
        now[0] = 160.0
        assert not service.allows(token, SCOPE)
        assert service.issued == (token,)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"service=registry.test&scope={SCOPE}", 200),
        (f"service=other&scope={SCOPE}", 400),
        (f"scope={SCOPE}", 400),
        ("service=registry.test&scope=repository:acme/app:pull,push", 400),
        ("service=registry.test&scope=registry:catalog:*", 400),
    ],
)
async def test_the_question_must_be_exact(query: str, status: int) -> None:
    """The wrong service and any scope beyond reading are refused."""
    async with FakeTokenService({"user": "word"}) as service:
        assert (await ask(service.url, f"/token?{query}", headers=BASIC)).status == status


async def test_anonymous_and_unknown_users() -> None:
    """No credential is enough only where anonymous reading is on; a wrong password never is."""
    wrong = (("Authorization", basic_authorization("user", "guess")),)
    target = f"/token?service=registry.test&scope={SCOPE}"
    async with FakeTokenService() as closed, FakeTokenService(anonymous=True) as public:
        statuses = [(await ask(service.url, target)).status for service in (closed, public)]
        statuses.append((await ask(public.url, target, headers=wrong)).status)
    assert statuses == [401, 200, 401]


async def test_a_refresh_token_rotates() -> None:
    """With `rotate` a refresh token works once and its answer brings the next."""
    async with FakeTokenService(refresh_tokens={"first": "user"}, rotate=True, field="access_token") as service:
        answer = json.loads((await post(service, refresh("first"))).body)
        again = await post(service, refresh("first"))
        following = await post(service, refresh(answer["refresh_token"]))
        assert service.allows(answer["access_token"], SCOPE)
    assert (again.status, following.status) == (401, 200)


async def test_post_may_be_unknown_and_faults_apply() -> None:
    """A service without OAuth2 says 405, a form with a surplus field is refused, and scripts work here too."""
    async with FakeTokenService(anonymous=True) as plain, FakeTokenService(refresh_tokens={"a": "u"}) as strict:
        plain.script("/token", Status(503))
        statuses = [(await ask(plain.url, "/token?service=registry.test")).status]
        statuses.append((await post(plain, refresh("a"))).status)
        statuses.append((await post(strict, {**refresh("a"), "password": "x"})).status)
        assert strict.count("POST", "/token") == 1
    assert statuses == [503, 405, 400]


async def test_rights_narrow_a_token_in_silence() -> None:
    """A user without the right gets a token that does not open the repository."""
    async with FakeTokenService({"user": "word"}, rights=frozenset({"acme/other"})) as service:
        answer = await ask(service.url, f"/token?service=registry.test&scope={SCOPE}", headers=BASIC)
        assert answer.status == 200
        assert not service.allows(json.loads(answer.body)["token"], SCOPE)
