"""Where a source may send us for a token: an upstream's word alone never moves a password to another host."""

from __future__ import annotations

import re
from collections.abc import Sequence

from proxy.config.addresses import address_of, authority_of, canonical_origin
from proxy.core.errors import SourceBroken

HUB_HOSTS = ("index.docker.io", "docker.io", "registry-1.docker.io")
# Public registries whose token service has a name of its own, which is no parent domain of theirs.
_KNOWN_REALMS = {
    **dict.fromkeys(HUB_HOSTS, "auth.docker.io"),
    "registry.gitlab.com": "gitlab.com",
    "docker.elastic.co": "docker-auth.elastic.co",
    "registry.digitalocean.com": "api.digitalocean.com",
}
_AUTHORITY_END = re.compile(r"[/?#]")


def check_realm(
    realm_url: str,
    *,
    source_name: str,
    source_url: str,
    trusted: Sequence[str],
    trusted_origins: Sequence[str] = (),
) -> None:
    """Refuse a token service that this source has no right to name.

    Right are: the source's own host, a parent domain of it with at least two labels, the known services of
    public registries, and what `trusted_realms` (`trusted`, origins or hosts) and `auth.origins`
    (`trusted_origins`) list. It must be https unless the source itself is http. `source_url` and both lists are
    spelled as `proxy.config.addresses` spells them. Raises SourceBroken, whose message holds the line to add
    where one would help. Without this rule an upstream collects passwords (CVE-2026-33540).
    """
    try:
        realm = realm_origin(realm_url)
    except ValueError:
        raise SourceBroken(
            f"source {source_name}: the token service that it names is not a plain https URL; nothing was sent "
            "there. Ask its operator to correct the realm in WWW-Authenticate"
        ) from None
    if realm.startswith("http://") and not source_url.startswith("http://"):
        raise SourceBroken(
            f"source {source_name}: it sends us to {realm} for a token, and a source with https may not name "
            "one without; nothing was sent there. Ask its operator to use https"
        )
    if _belongs(authority_of(realm), authority_of(source_url)) or realm in _listed(trusted, trusted_origins):
        return
    raise SourceBroken(
        f"source {source_name}: it sends us to {realm} for a token, which is another host; nothing was sent "
        f'there. If it is the right one, add to this source: trusted_realms = ["{realm}"]'
    )


def realm_origin(url: str) -> str:
    """The origin of a realm; ValueError if it is no http or https URL, or has user information or blanks."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("holds blanks or characters that no URL holds")
    scheme, _, rest = url.partition("://")
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    return canonical_origin(f"{scheme}://{authority}")


def _belongs(realm: str, source: str) -> bool:
    realm_host, source_host = _host(realm), _host(source)
    if realm_host in {source_host, _KNOWN_REALMS.get(source_host)}:
        return True
    return "." in realm_host and source_host.endswith("." + realm_host) and address_of(source) is None


def _listed(trusted: Sequence[str], trusted_origins: Sequence[str]) -> frozenset[str]:
    # A host without a scheme is trusted with https.
    return frozenset(
        canonical_origin(place if "://" in place else f"https://{place}") for place in (*trusted, *trusted_origins)
    )


def _host(authority: str) -> str:
    """A canonical authority without its port."""
    return authority.partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]
