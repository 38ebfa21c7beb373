"""What to write into the Authorization header of a request to one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.auth.challenge import Challenge, parse_challenges
from proxy.auth.credentials import BearerToken, CredentialProvider, Found, UserPassword, fits_header
from proxy.auth.fetch import Fetch
from proxy.auth.realms import check_realm
from proxy.auth.tokenreply import SHORTEST_LIFETIME
from proxy.auth.tokens import Token, TokenRequest, TokenService
from proxy.core.clock import Clock
from proxy.core.errors import SourceDenied, SourceLimited, SourceUnreachable
from proxy.core.flights import Flights
from proxy.core.retry import parse_retry_after

_PING_LIMIT = 64 * 1024
_FORBIDDEN = 403
_LIMITED = 429
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Authorization:
    """The value of an Authorization header, which is never shown."""

    header: str = field(repr=False)


class Authorizer:
    """One source's credential in use: remembers what the source wants to see and shows it that.

    A source says in a challenge what it wants. It is asked once, by `GET <url>/v2/`, before the first request;
    with `ask_first` False the first request goes out bare instead, and its refusal tells. Its owner must
    `close` it. `trusted_realms` and `trusted_origins` are as for `check_realm`.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        provider: CredentialProvider,
        tokens: TokenService,
        fetch: Fetch,
        clock: Clock,
        trusted_realms: Sequence[str] = (),
        trusted_origins: Sequence[str] = (),
        ask_first: bool = True,
    ) -> None:
        self._name = name
        self._url = url
        self._provider = provider
        self._tokens = tokens
        self._fetch = fetch
        self._clock = clock
        self._trusted_realms = trusted_realms
        self._trusted_origins = trusted_origins
        self._ask_first = ask_first
        self._challenges: tuple[Challenge, ...] | None = None
        self._origin = "no credential was needed so far"
        self._pings: Flights[None, tuple[Challenge, ...]] = Flights()
        self._refusals: Flights[tuple[str, str], Authorization | None] = Flights()

    async def authorization(self, repository: str) -> Authorization | None:
        """The value for the next request about a repository; None if nothing is wanted, or nothing of ours fits.

        Raises SourceDenied, SourceLimited, SourceUnreachable or SourceBroken where a token is due and cannot
        be had.
        """
        found = await self._find(repository)
        if isinstance(found.credential, BearerToken):
            return self._bearer(found.credential.token)
        if self._challenges is None and self._ask_first:
            self._challenges = await self._ping()
        request = self._token_request(repository, found)
        return self._basic(found) if request is None else self._bearer(await self._token(request))

    async def after_refusal(
        self, repository: str, challenges: Sequence[str], *, refused: Authorization | None, status: int
    ) -> Authorization | None:
        """What to retry a refused request with, once; None if nothing better is known.

        `challenges` are the response's WWW-Authenticate values, `refused` is what the request carried. A 403
        says of a token in use for a minute or more that it may have expired, as some registries put it; of a
        newer one it says that this credential may not. However many requests one value was refused for, they
        share one new token. Raises as `authorization` does.
        """
        offered = parse_challenges(challenges)
        key = repository, refused.header if refused is not None else ""
        return await self._refusals.join(key, lambda: self._renew(repository, offered, refused, status))

    def describe(self) -> str:
        """Where the credential in use was found, in words for a message."""
        return self._origin

    async def close(self) -> None:
        """End the calls under way."""
        await self._refusals.close()
        await self._pings.close()

    async def _renew(
        self, repository: str, offered: tuple[Challenge, ...], refused: Authorization | None, status: int
    ) -> Authorization | None:
        if _bearer_challenge(offered) is not None or _offers_basic(offered):
            self._challenges = offered
        elif not self._challenges and status != _FORBIDDEN:
            # Some registries challenge at the ping alone (gcr.io did for years).
            self._challenges = await self._ping()
        found = await self._find(repository)
        request = self._token_request(repository, found)
        held = self._tokens.held(request) if request is not None else None
        current = self._bearer(held.value) if held is not None else self._basic(found)
        if current is not None and current != refused:
            # Somebody has renewed it since this request went out, or the source has only now said what it wants.
            return current
        if request is not None and held is not None and (status != _FORBIDDEN or self._is_old(held)):
            self._tokens.drop(request, held)
        self._provider.forget()
        renewed = await self.authorization(repository)
        return renewed if renewed != refused else None

    async def _find(self, repository: str) -> Found:
        found = await self._provider.find(repository)
        self._origin = found.origin
        return found

    async def _ping(self) -> tuple[Challenge, ...]:
        return await self._pings.join(None, self._ask_challenges)

    async def _ask_challenges(self) -> tuple[Challenge, ...]:
        """The challenges of the API's root. No other failure counts: the resource itself will say what is wrong."""
        reply = await self._fetch(f"{self._url}/v2/", headers={}, form=None, limit=_PING_LIMIT)
        asked = f"source {self._name}: {self._url}/v2/"
        if reply.status == _LIMITED:
            wait = parse_retry_after(reply.retry_after, now=self._clock.wall())
            raise SourceLimited(
                f"{asked} limits requests; it wants to be left alone for {wait} seconds", retry_after=wait
            )
        if reply.status >= _SERVER_ERROR:
            raise SourceUnreachable(f"{asked} answered {reply.status}; try again later")
        # Set here and not by who waits: another request may come between this answer and its first reader.
        self._challenges = parse_challenges(reply.challenges)
        return self._challenges

    def _token_request(self, repository: str, found: Found) -> TokenRequest | None:
        """The token that the source wants for a credential; None if it wants none. Bearer goes before Basic."""
        challenge = _bearer_challenge(self._challenges or ())
        if challenge is None or isinstance(found.credential, BearerToken):
            return None
        realm = challenge.parameter("realm") or ""
        check_realm(
            realm,
            source_name=self._name,
            source_url=self._url,
            trusted=self._trusted_realms,
            trusted_origins=self._trusted_origins,
        )
        # The challenge's own scope is a placeholder at some registries and asks for more than reading at others.
        scope = f"repository:{repository}:pull"
        return TokenRequest(self._name, realm, challenge.parameter("service") or "", scope, found)

    async def _token(self, request: TokenRequest) -> str:
        try:
            return (await self._tokens.token(request)).value
        except SourceDenied:
            self._provider.forget()
            raise

    def _bearer(self, token: str) -> Authorization:
        if not fits_header(token):
            raise SourceDenied(
                f"source {self._name}: the token ({self._origin}) holds characters that cannot stand in a header; "
                "write it again without blanks or line ends"
            )
        return Authorization(f"Bearer {token}")

    def _basic(self, found: Found) -> Authorization | None:
        if isinstance(found.credential, UserPassword) and _offers_basic(self._challenges or ()):
            return Authorization(found.credential.basic)
        return None

    def _is_old(self, token: Token) -> bool:
        return self._clock.monotonic() - token.obtained >= SHORTEST_LIFETIME


def _bearer_challenge(challenges: tuple[Challenge, ...]) -> Challenge | None:
    return next((each for each in challenges if each.scheme == "bearer" and each.parameter("realm")), None)


def _offers_basic(challenges: tuple[Challenge, ...]) -> bool:
    return any(challenge.scheme == "basic" for challenge in challenges)
