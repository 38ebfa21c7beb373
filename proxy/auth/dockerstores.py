"""Finding the credential that `docker login` or `podman login` left for a registry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from proxy.auth.credentialfile import (
    INLINE_VARIABLE,
    Complaints,
    CredentialFile,
    credential_paths,
    inline_document,
)
from proxy.auth.credentials import NO_CREDENTIAL, Anonymous, Credential, CredentialProvider, Found
from proxy.auth.dockerconfig import RegistryNames, decode_entry, entries_for, exact_entries_for, helpers_for
from proxy.auth.dockerhelper import Helpers
from proxy.core.clock import Clock


class DockerStores:
    """The credential files and helpers of the user we run as, shared by all sources. Its owner must `close` it."""

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._inline = inline_document(environ)
        self._files = tuple(CredentialFile(place) for place in credential_paths(environ, os.getuid()))
        self._helpers = Helpers(environ, clock)
        self._complaints = Complaints(INLINE_VARIABLE)

    def provider(self, url: str) -> CredentialProvider:
        """The credentials for the registry at a base URL, and for no other name that it may be known by."""
        return _DockerProvider(self, RegistryNames.of(url))

    async def find(self, registry: RegistryNames, repository: str) -> Found:
        """The first credential: the variable, then each file's helpers and entries; anonymous without any."""
        inline = _first(exact_entries_for(self._inline, registry), self._complaints)
        if inline is not None:
            return Found(inline, INLINE_VARIABLE)
        for file in self._files:
            document = await file.document()
            for helper, server in helpers_for(document, registry):
                credential = await self._helpers.ask(helper, server)
                if credential is not None:
                    return Found(credential, f"helper docker-credential-{helper}")
            credential = _first(entries_for(document, registry, repository), file.complaints)
            if credential is not None:
                return Found(credential, file.described)
        return Found(Anonymous(), NO_CREDENTIAL)

    def forget(self, registry: RegistryNames) -> None:
        """Drop what helpers said about a registry a minute ago or earlier."""
        self._helpers.forget(registry.names)

    async def close(self) -> None:
        """End the helpers that run."""
        await self._helpers.close()


class _DockerProvider:
    """The stores as one registry sees them."""

    def __init__(self, stores: DockerStores, registry: RegistryNames) -> None:
        self._stores = stores
        self._registry = registry

    async def find(self, repository: str) -> Found:
        return await self._stores.find(self._registry, repository)

    def forget(self) -> None:
        self._stores.forget(self._registry)


def _first(entries: Iterable[tuple[str, object]], complaints: Complaints) -> Credential | None:
    """The first entry that holds a credential."""
    for key, entry in entries:
        try:
            credential = decode_entry(entry)
        except ValueError as error:
            complaints.say(f"the entry {key[:255]!r}: {error}")
            continue
        if credential is not None:
            return credential
    return None
