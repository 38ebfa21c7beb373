"""Exchanging a credential for a token, once for everybody who needs the same one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from cachetools import LRUCache, TLRUCache

from proxy.auth.credentials import Credential, Found, IdentityToken, UserPassword
from proxy.auth.fetch import Fetch, FetchReply
from proxy.auth.tokenreply import TokenReply, parse_token_reply
from proxy.core.clock import Clock
from proxy.core.errors import SourceBroken, SourceDenied, SourceLimited, SourceUnreachable
from proxy.core.flights import Flights
from proxy.core.retry import parse_retry_after

REPLY_LIMIT = 64 * 1024
_CLIENT = "moorage"
_MOST_TOKENS = 4096
_MOST_REFRESH_TOKENS = 256
_OK = 200
_NO_POST = frozenset({404, 405})
# 400 too: an identity token that is no longer good is an `invalid_grant` (RFC 6749 section 5.2).
_DENIED = frozenset({400, 401, 403})
_LIMITED = 429
_SERVER_ERROR = 500

_Key: TypeAlias = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token that is wanted. The realm must have passed `check_realm`."""

    source: str
    realm: str
    service: str
    scope: str
    found: Found

    @property
    def key(self) -> _Key:
        """Whatever decides which token comes back, with the credential as its fingerprint."""
        return self.source, self.realm, self.service, self.scope, self.found.credential.fingerprint


@dataclass(frozen=True, slots=True)
class Token:
    """A token in memory; both figures are monotonic seconds."""

    value: str = field(repr=False)
    obtained: float
    expires: float


class TokenService:
    """Tokens of all sources, in memory only. Its owner must `close` it."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._tokens: TLRUCache[_Key, Token] = TLRUCache(
            maxsize=_MOST_TOKENS, ttu=lambda _key, token, _now: token.expires, timer=clock.monotonic
        )
        self._refresh_tokens: LRUCache[tuple[str, str, str], str] = LRUCache(_MOST_REFRESH_TOKENS)
        self._calls: Flights[_Key, Token] = Flights()

    async def token(self, request: TokenRequest) -> Token:
        """The token that is held, or else a new one; callers who want the same share one call.

        Raises SourceDenied where the service refuses the credential, SourceLimited, SourceUnreachable where it
        fails, and SourceBroken where its answer is unusable.
        """
        held = self.held(request)
        return held if held is not None else await self._calls.join(request.key, lambda: self._obtain(request))

    def held(self, request: TokenRequest) -> Token | None:
        """The token at hand that is still good, without asking anybody."""
        return self._tokens.get(request.key)

    def drop(self, request: TokenRequest, refused: Token) -> None:
        """Forget a token that was refused, unless another has taken its place already."""
        if self.held(request) == refused:
            del self._tokens[request.key]

    async def close(self) -> None:
        """End the calls under way."""
        await self._calls.close()

    async def _obtain(self, request: TokenRequest) -> Token:
        obtained = self._clock.monotonic()
        reply = self._read(request, await self._ask(request))
        if reply.refresh_token is not None and isinstance(request.found.credential, IdentityToken):
            self._refresh_tokens[_identity(request)] = reply.refresh_token
        token = Token(reply.token, obtained, obtained + reply.usable)
        self._tokens[request.key] = token
        return token

    async def _ask(self, request: TokenRequest) -> FetchReply:
        """One exchange: POST for an identity token, GET for all else and where a service knows no POST."""
        credential = request.found.credential
        if isinstance(credential, IdentityToken):
            # The one that the service gave us last, where it changes them at each use.
            refresh_token = self._refresh_tokens.get(_identity(request), credential.token)
            reply = await self._fetch(
                request.realm, headers={}, form=_refresh_form(request, refresh_token), limit=REPLY_LIMIT
            )
            if reply.status not in _NO_POST:
                return reply
            credential = UserPassword(credential.username, refresh_token)
        headers = {"Authorization": credential.basic} if isinstance(credential, UserPassword) else {}
        return await self._fetch(_get_url(request, credential), headers=headers, form=None, limit=REPLY_LIMIT)

    def _read(self, request: TokenRequest, reply: FetchReply) -> TokenReply:
        service = f"source {request.source}: its token service {urlsplit(request.realm).netloc}"
        if reply.status in _DENIED:
            self._refresh_tokens.pop(_identity(request), None)
            raise SourceDenied(
                f"{service} answered {reply.status} for {request.scope} ({request.found.origin}); "
                "check the name, and that this credential may read it"
            )
        if reply.status == _LIMITED:
            wait = parse_retry_after(reply.retry_after, now=self._clock.wall())
            raise SourceLimited(
                f"{service} limits requests; it wants to be left alone for {wait} seconds", retry_after=wait
            )
        if reply.status >= _SERVER_ERROR:
            raise SourceUnreachable(f"{service} answered {reply.status}; try again later")
        if reply.status != _OK:
            raise SourceBroken(f"{service} answered {reply.status} where a token was due")
        if len(reply.body) > REPLY_LIMIT:
            raise SourceBroken(f"{service} sent more than {REPLY_LIMIT} bytes where a token was due")
        try:
            return parse_token_reply(reply.body, self._clock.wall())
        except ValueError as error:
            raise SourceBroken(f"{service} sent no usable token: {error}") from None


def _identity(request: TokenRequest) -> tuple[str, str, str]:
    return request.realm, request.service, request.found.credential.fingerprint


def _refresh_form(request: TokenRequest, refresh_token: str) -> dict[str, str]:
    form = {
        "grant_type": "refresh_token",
        "client_id": _CLIENT,
        "scope": request.scope,
        "refresh_token": refresh_token,
    }
    return {**form, "service": request.service} if request.service else form


def _get_url(request: TokenRequest, credential: Credential) -> str:
    """The realm with our question added to the query that it may have already."""
    pairs = [("service", request.service), ("scope", request.scope)]
    if isinstance(credential, UserPassword):
        pairs.append(("account", credential.username))
    question = urlencode([(name, value) for name, value in pairs if value], quote_via=quote, safe=":/")
    parts = urlsplit(request.realm)
    query = f"{parts.query}&{question}" if parts.query else question
    return parts._replace(query=query, fragment="").geturl()
