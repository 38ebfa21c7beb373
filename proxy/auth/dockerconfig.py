"""The rules of Docker's and Podman's credential files, over their parsed JSON: no file is opened here.

The programs that read these files disagree in places. Here every place that one of them would look in is
looked in, in one fixed order, and the first credential wins.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from proxy.auth.credentials import BearerToken, Credential, IdentityToken, fits_header, stored_credential
from proxy.auth.realms import HUB_HOSTS
from proxy.config.addresses import DEFAULT_PORTS, authority_of, canonical_authority
from proxy.core.jsonobject import as_object, text_field

_HUB = "docker.io"
# What Docker Hub is filed under; the first is what `docker login` writes and what helpers are asked with.
_HUB_NAMES = ("https://index.docker.io/v1/", *HUB_HOSTS)


@dataclass(frozen=True, slots=True)
class RegistryNames:
    """The names under which credentials of one registry are filed."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, url: str) -> RegistryNames:
        """The names for the registry at a canonical base URL; a host alone also counts with the scheme's port."""
        authority = authority_of(url)
        if authority in HUB_HOSTS:
            return cls(_HUB_NAMES)
        with_port = f"{authority}:{DEFAULT_PORTS[url.partition('://')[0]]}"
        has_port = authority.rpartition("]")[2].count(":") > 0
        return cls((authority,) if has_port else (authority, with_port))

    @property
    def canonical(self) -> str:
        """The name that a helper for everything is asked with."""
        return self.names[0]

    def helper_key(self, filed: str) -> str:
        """What to ask a helper with that was filed for one of the names."""
        return self.canonical if self.names == _HUB_NAMES else filed


def helpers_for(document: Mapping[str, object], registry: RegistryNames) -> Iterator[tuple[str, str]]:
    """Helpers to ask, in order, each with the server to ask it for: those for this registry, then the store."""
    helpers = _table(document, "credHelpers")
    for name in registry.names:
        helper = helpers.get(name)
        if isinstance(helper, str) and helper:
            yield helper, registry.helper_key(name)
            break
    store = document.get("credsStore")
    if isinstance(store, str) and store:
        yield store, registry.canonical


def entries_for(
    document: Mapping[str, object], registry: RegistryNames, repository: str
) -> Iterator[tuple[str, object]]:
    """Entries of `auths` that apply to a repository, with their keys, the closest first.

    `host/team/name` goes before `host/team`, that before `host`; then come keys that are the host only once
    written plainly. A key with a path but no scheme is a namespace, and never stands for its whole host.
    """
    entries = _table(document, "auths")
    parts = repository.split("/")
    for length in range(len(parts), -1, -1):
        for name in registry.names:
            key = "/".join((name, *parts[:length]))
            if key in entries:
                yield key, entries[key]
    for key, entry in entries.items():
        if key not in registry.names and _plain_key(key) in registry.names:
            yield key, entry


def exact_entries_for(document: Mapping[str, object], registry: RegistryNames) -> Iterator[tuple[str, object]]:
    """Entries of `auths` filed under exactly one of the names: all that DOCKER_AUTH_CONFIG is good for."""
    entries = _table(document, "auths")
    return ((name, entries[name]) for name in registry.names if name in entries)


def decode_entry(entry: object) -> Credential | None:
    """The credential of one entry; None if it is only a marker, ValueError with the reason if unreadable.

    A registry token is ready for use; an identity token goes before a password; `auth` goes before the fields
    `username` and `password`. Docker Desktop leaves `{}` beside a credential that its helper holds.
    """
    fields = as_object(entry)
    registry_token = text_field(fields, "registrytoken")
    if registry_token:
        if not fits_header(registry_token):
            raise ValueError("its registrytoken holds characters that cannot stand in a header")
        return BearerToken(registry_token)
    identity_token = text_field(fields, "identitytoken")
    if identity_token:
        username = ""
        with suppress(ValueError):
            username, _ = _pair(fields)
        return IdentityToken(username, identity_token)
    return stored_credential(*_pair(fields))


def hosts_named(document: Mapping[str, object]) -> Iterator[str]:
    """Every registry that `auths` or `credHelpers` names, as `host[:port]`, Docker Hub as `docker.io`."""
    for section in ("auths", "credHelpers"):
        for key in _table(document, section):
            with suppress(ValueError):
                host = canonical_authority((key.partition("://")[2] or key).partition("/")[0])
                yield _HUB if host in HUB_HOSTS else host


def _table(document: Mapping[str, object], name: str) -> dict[str, object]:
    """A table of the document; a missing or wrong one is empty, so that the rest of the file still counts."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _plain_key(key: str) -> str:
    """A key without what people and older programs wrote around the host."""
    lowered = key.lower()
    scheme, found, rest = lowered.partition("://")
    if found and scheme in DEFAULT_PORTS:
        return rest.partition("/")[0]
    return lowered.rstrip("/")


def _pair(fields: Mapping[str, object]) -> tuple[str, str]:
    """User name and password of an entry."""
    encoded = "".join(text_field(fields, "auth").split())
    if not encoded:
        return text_field(fields, "username"), text_field(fields, "password")
    padded = encoded.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        text = base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError("its auth is not base64 of text") from None
    username, colon, password = text.strip("\0").partition(":")
    if not colon:
        raise ValueError("its auth holds no colon between user and password")
    return username, password
