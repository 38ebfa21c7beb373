"""What can prove who we are to a source, and the seam through which it is found."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Protocol

NO_CREDENTIAL = "no credential found: anonymous access"
# In place of a user name: the secret beside it is an identity token (docker-credential-helpers, "get").
_IDENTITY_TOKEN_USER = "<token>"  # noqa: S105 - the marker itself is public


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nothing to show. Many registries still want a token for it, and give one."""

    @property
    def fingerprint(self) -> str:
        return _fingerprint("anonymous")


@dataclass(frozen=True, slots=True)
class UserPassword:
    """For Basic, at the source or at its token service. Some services take a secret as the user name: both hide."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return _fingerprint("password", self.username, self.password)

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617 section 2, in UTF-8)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that the source itself takes, with nothing to exchange."""

    token: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return _fingerprint("bearer", self.token)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token: worth nothing at the source, exchanged at its token service (distribution oauth.md)."""

    username: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return _fingerprint("identity", self.username, self.token)


Credential = Anonymous | UserPassword | BearerToken | IdentityToken


@dataclass(frozen=True, slots=True)
class Found:
    """A credential and, in words for messages, where it was found."""

    credential: Credential
    origin: str


class CredentialProvider(Protocol):
    """Where one source's credential comes from."""

    async def find(self, repository: str) -> Found:
        """The credential for a repository; `Anonymous` where there is none. What cannot be read is skipped."""
        ...

    def forget(self) -> None:
        """The source refused what was found: what helpers said a minute ago or earlier is dropped from memory."""
        ...


def stored_credential(username: str, secret: str) -> Credential | None:
    """What a user name and a secret from a store mean; None if both are empty, ValueError if unusable."""
    if username == _IDENTITY_TOKEN_USER:
        return IdentityToken("", secret) if secret else None
    if not username and not secret:
        return None
    if ":" in username:
        raise ValueError("the user name holds a colon, which Basic cannot carry")
    return UserPassword(username, secret)


def fits_header(token: str) -> bool:
    """Whether a token can stand in a header as it is: printable ASCII, no spaces, at least one character."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _fingerprint(kind: str, *parts: str) -> str:
    # The length goes before each part, so that no two lists of parts run together to the same text.
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        content = part.encode()
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.hexdigest()
