"""One ping for everybody, at whatever moment they come."""

from __future__ import annotations

import asyncio

from fakes.clock import FakeClock
from fakes.fetch import Call, FakeFetch, reply

from proxy.auth.authorizer import Authorization, Authorizer
from proxy.auth.credentials import Found, UserPassword
from proxy.auth.fetch import FetchReply
from proxy.auth.tokens import TokenService
from proxy.auth.wiring import FixedProvider


async def test_who_comes_as_the_ping_ends_does_not_ping_again() -> None:
    """A request that arrives between the ping's end and the moment its callers wake knows what they know."""
    late: list[asyncio.Task[Authorization | None]] = []

    def answer(call: Call) -> FetchReply:
        # Runs as the last step of the ping: whoever is called now comes before its callers wake.
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: late.append(loop.create_task(authorizer.authorization("late"))))
        return reply(401, 'Basic realm="x"')

    fetch, clock = FakeFetch(answer), FakeClock()
    tokens = TokenService(fetch, clock)
    authorizer = Authorizer(
        name="test",
        url="https://registry.test",
        provider=FixedProvider(Found(UserPassword("alice", "correct horse"), "a test")),
        tokens=tokens,
        fetch=fetch,
        clock=clock,
    )
    first = await authorizer.authorization("early")
    while not late:
        await asyncio.sleep(0)
    assert await late[0] == first
    assert len(fetch.calls) == 1
    await authorizer.close()
    await tokens.close()
