"""Who may read from a fake registry: nobody asked, a password, a token for this very scope, or one fixed token."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Protocol

from fakes.answers import Answer, Recorded, error_answer


class Access(Protocol):
    """The rule at a registry's door."""

    def refusal(self, request: Recorded, repository: str | None) -> Answer | None:
        """The answer that turns the request away; None lets it in. A ping has no repository."""
        ...


class TokenCheck(Protocol):
    """The token service as the registry sees it."""

    @property
    def realm(self) -> str: ...
    @property
    def service(self) -> str: ...

    def allows(self, token: str, scope: str) -> bool:
        """Whether the token was given for this scope and still holds; an empty scope asks for any live token."""
        ...


@dataclass(frozen=True, slots=True)
class Open:
    """Everybody may read."""

    def refusal(self, request: Recorded, repository: str | None) -> Answer | None:
        """Nobody is turned away."""
        return None


@dataclass(frozen=True, slots=True)
class Basic:
    """A user and a password with every request (RFC 7617)."""

    user: str
    password: str
    realm: str = "registry"

    def refusal(self, request: Recorded, repository: str | None) -> Answer | None:
        """401 with a Basic challenge, unless both are right."""
        if request.headers.get("authorization") == basic_authorization(self.user, self.password):
            return None
        return _unauthorized(f'Basic realm="{self.realm}"')


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token of a token service, given for exactly this repository and reading.

    `realm` overrides what the challenge says, for realms that must not be trusted. With
    `challenge_on_ping_only` other refusals carry no challenge, as some registries do. `placeholder_scope` puts a
    scope into the ping's challenge that fits nothing.
    """

    tokens: TokenCheck
    realm: str | None = None
    challenge_on_ping_only: bool = False
    placeholder_scope: bool = False

    def refusal(self, request: Recorded, repository: str | None) -> Answer | None:
        """401 with a Bearer challenge, unless the token fits."""
        scope = "" if repository is None else f"repository:{repository}:pull"
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.tokens.allows(token, scope):
            return None
        if repository is not None and self.challenge_on_ping_only:
            return error_answer(401, "UNAUTHORIZED", "a token is needed")
        if repository is None and self.placeholder_scope:
            scope = "repository:user/image:pull"
        realm = self.realm if self.realm is not None else self.tokens.realm
        told = f',scope="{scope}"' if scope else ""
        return _unauthorized(f'Bearer realm="{realm}",service="{self.tokens.service}"{told}')


@dataclass(frozen=True, slots=True)
class ConstantToken:
    """One fixed Bearer token, with no token service behind it."""

    token: str

    def refusal(self, request: Recorded, repository: str | None) -> Answer | None:
        """401 unless the token is right."""
        if request.headers.get("authorization") == f"Bearer {self.token}":
            return None
        return _unauthorized('Bearer realm="constant"')


def basic_authorization(user: str, password: str) -> str:
    """The value of an Authorization header for Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _unauthorized(challenge: str) -> Answer:
    return error_answer(401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", challenge))
