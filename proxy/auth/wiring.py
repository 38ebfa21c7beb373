"""From a source's settings to its authorizer."""

from __future__ import annotations

from proxy.auth.authorizer import Authorizer
from proxy.auth.credentials import Anonymous, BearerToken, CredentialProvider, Found, UserPassword
from proxy.auth.dockerstores import DockerStores
from proxy.auth.fetch import Fetch
from proxy.auth.tokens import TokenService
from proxy.config.model import BasicAuth, BearerAuth, NoAuth, SourceSettings
from proxy.core.clock import Clock

_CONFIGURED = "the source's configuration"


class FixedProvider:
    """The same for every repository: what the configuration itself holds."""

    def __init__(self, found: Found) -> None:
        self._found = found

    async def find(self, repository: str) -> Found:  # noqa: ARG002 - the name is the Protocol's
        return self._found

    def forget(self) -> None:
        """Nothing to drop: a configuration does not change under a running program."""


def provider_for(settings: SourceSettings, stores: DockerStores) -> CredentialProvider:
    """Where the credential comes from, by `auth.type`: written down, none at all, or the user's stores."""
    auth = settings.auth
    if isinstance(auth, BearerAuth):
        return FixedProvider(Found(BearerToken(auth.token.get_secret_value()), _CONFIGURED))
    if isinstance(auth, BasicAuth):
        pair = UserPassword(auth.username.get_secret_value(), auth.password.get_secret_value())
        return FixedProvider(Found(pair, _CONFIGURED))
    if isinstance(auth, NoAuth):
        return FixedProvider(Found(Anonymous(), "auth type none: anonymous access"))
    return stores.provider(settings.url)


def authorizer_for(
    settings: SourceSettings, *, stores: DockerStores, tokens: TokenService, fetch: Fetch, clock: Clock
) -> Authorizer:
    """The authorizer of a source. One without authentication is not asked beforehand what it wants."""
    auth = settings.auth
    return Authorizer(
        name=settings.name,
        url=settings.url,
        provider=provider_for(settings, stores),
        tokens=tokens,
        fetch=fetch,
        clock=clock,
        trusted_realms=settings.trusted_realms,
        trusted_origins=auth.origins if isinstance(auth, BearerAuth | BasicAuth) else (),
        ask_first=not isinstance(auth, NoAuth),
    )
