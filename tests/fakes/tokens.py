"""A strict token service (distribution docs, spec/auth/token.md and oauth.md): the unexpected is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fakes.access import basic_authorization
from fakes.answers import Answer, Recorded, error_answer, json_answer
from fakes.server import FakeServer

PATH = "/token"
_GRANT_FIELDS = frozenset({"grant_type", "service", "client_id", "refresh_token", "scope"})


@dataclass(frozen=True, slots=True)
class _Grant:
    scopes: frozenset[str]
    expires: float


class FakeTokenService(FakeServer):
    """Gives tokens for `repository:<name>:pull` to known users, and to everybody where `anonymous`.

    `lifetime` is in seconds of `now`, which stands still unless a test injects a clock; `told_lifetime` is what
    the answer says (None: nothing). `field` names the member that carries the token. With `rotate` each use of a
    refresh token replaces it. `refresh_tokens=None` answers POST with 405, as services without OAuth2 do.
    `rights`, when given, are the repositories a user may read: other scopes are silently left out of the token.
    """

    def __init__(
        self,
        users: Mapping[str, str] | None = None,
        *,
        service: str = "registry.test",
        anonymous: bool = False,
        lifetime: float = 300,
        told_lifetime: float | str | None = 300,
        field: str = "token",
        refresh_tokens: Mapping[str, str] | None = None,
        rotate: bool = False,
        rights: frozenset[str] | None = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        super().__init__()
        self.users = dict(users or {})
        self.service = service
        self.anonymous = anonymous
        self.lifetime = lifetime
        self.told_lifetime = told_lifetime
        self.field = field
        self.refresh_tokens = None if refresh_tokens is None else dict(refresh_tokens)
        self.rotate = rotate
        self.rights = rights
        self._now = now
        self._numbers = itertools.count(1)
        self._grants: dict[str, _Grant] = {}

    @property
    def realm(self) -> str:
        """The address that a challenge names."""
        return self.url + PATH

    @property
    def issued(self) -> tuple[str, ...]:
        """Every token given out so far, oldest first."""
        return tuple(self._grants)

    def allows(self, token: str, scope: str) -> bool:
        """Whether the token was given for this scope and has not expired; an empty scope asks for any live one."""
        grant = self._grants.get(token)
        return grant is not None and grant.expires > self._now() and (not scope or scope in grant.scopes)

    def expire_all(self) -> None:
        """End every token given out so far, whatever its lifetime was."""
        self._grants = {token: _Grant(grant.scopes, float("-inf")) for token, grant in self._grants.items()}

    def answer(self, request: Recorded) -> Answer:
        """A token, or the refusal of whatever a careful client would not send."""
        if request.path != PATH:
            return error_answer(404, "NAME_UNKNOWN", "the token service has one path")
        if request.method == "GET":
            return self._get(request)
        if request.method != "POST" or self.refresh_tokens is None:
            return error_answer(405, "UNSUPPORTED", "no such grant here")
        return self._post(request)

    def _get(self, request: Recorded) -> Answer:
        scopes = [value for name, value in request.query if name == "scope"]
        if request.body or request.parameter("service") != self.service or not _reads_only(scopes):
            return error_answer(400, "UNSUPPORTED", "the wrong service, a body, or a scope that is not for reading")
        authorization = request.headers.get("authorization")
        if authorization is None:
            return self._issue(scopes) if self.anonymous else _denied()
        known = any(authorization == basic_authorization(user, word) for user, word in self.users.items())
        return self._issue(scopes) if known else _denied()

    def _post(self, request: Recorded) -> Answer:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        scopes = form.get("scope", "").split()
        told_type = request.headers.get("content-type", "").partition(";")[0]
        if told_type != "application/x-www-form-urlencoded" or not set(form) <= _GRANT_FIELDS:
            return error_answer(400, "UNSUPPORTED", "not a form, or with fields that do not belong there")
        if form.get("grant_type") != "refresh_token" or form.get("service") != self.service:
            return error_answer(400, "UNSUPPORTED", "the wrong grant or service")
        if not form.get("client_id") or not _reads_only(scopes):
            return error_answer(400, "UNSUPPORTED", "no client_id, or a scope that is not for reading")
        assert self.refresh_tokens is not None
        offered = form.get("refresh_token", "")
        if offered not in self.refresh_tokens:
            return _denied()
        fresh = None
        if self.rotate:
            fresh = f"refresh-{next(self._numbers)}"
            self.refresh_tokens[fresh] = self.refresh_tokens.pop(offered)
        return self._issue(scopes, fresh)

    def _issue(self, scopes: list[str], refresh_token: str | None = None) -> Answer:
        given = frozenset(scope for scope in scopes if self.rights is None or scope.split(":")[1] in self.rights)
        token = f"token-{next(self._numbers)}"
        self._grants[token] = _Grant(given, self._now() + self.lifetime)
        document: dict[str, object] = {self.field: token}
        if self.told_lifetime is not None:
            document["expires_in"] = self.told_lifetime
        if refresh_token is not None:
            document["refresh_token"] = refresh_token
        return json_answer(document)


def _reads_only(scopes: list[str]) -> bool:
    return all(scope.startswith("repository:") and scope.endswith(":pull") for scope in scopes)


def _denied() -> Answer:
    return error_answer(401, "UNAUTHORIZED", "unknown user, password or refresh token")
