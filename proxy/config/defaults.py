"""The sources of somebody who wrote none: the well-known registries and those the user has logged in to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from proxy.config.addresses import authority_of, canonical_authority, canonical_url, is_loopback
from proxy.config.model import RESERVED_NAMES, SourceSettings

# Each name has a hyphen, which no namespace of Docker Hub has: a shorter one would hide what Docker Hub keeps under
# it (kubernetes/…, microsoft/…) from a Docker daemon that mirrors through us.
_WELL_KNOWN = (
    SourceSettings(
        name="docker-io",
        type="oci",
        url="https://registry-1.docker.io",
        hosts=("docker.io", "index.docker.io", "registry-1.docker.io"),
        default=True,
    ),
    SourceSettings(name="ghcr-io", type="oci", url="https://ghcr.io"),
    SourceSettings(name="quay-io", type="oci", url="https://quay.io"),
    SourceSettings(name="registry-k8s-io", type="oci", url="https://registry.k8s.io"),
    SourceSettings(name="mcr-microsoft-com", type="oci", url="https://mcr.microsoft.com"),
    SourceSettings(name="public-ecr-aws", type="oci", url="https://public.ecr.aws"),
)
_OTHER_CHARACTERS = re.compile(r"[^a-z0-9]+")


def default_sources(credential_hosts: Sequence[str]) -> tuple[SourceSettings, ...]:
    """The well-known registries and one source for each further host of the user's credential files.

    What is no host in those files is passed over: they belong to other programs and are no mistake of ours.
    """
    sources = list(_WELL_KNOWN)
    known = {host for source in sources for host in source.hosts} | {source.name for source in sources}
    urls = dict.fromkeys(url for host in credential_hosts if (url := _url(host)) is not None)
    urls_by_host = {host: url for url in urls if (host := authority_of(url)) not in known}
    taken = known | RESERVED_NAMES
    for host, url in urls_by_host.items():
        # A name that is another source's host would make a path's first component mean two things.
        name = _free_name(host, taken | (urls_by_host.keys() - {host}))
        sources.append(SourceSettings(name=name, type="oci", url=url))
        taken |= {name}
    return tuple(sources)


def _url(host: str) -> str | None:
    # A registry on this machine is a development one and seldom has a certificate; Docker and Podman speak
    # http to it as well, and nothing leaves the machine.
    try:
        authority = canonical_authority(host)
        return canonical_url(f"{'http' if is_loopback(authority) else 'https'}://{authority}")
    except ValueError:
        return None


def _free_name(host: str, taken: AbstractSet[str]) -> str:
    stem = _OTHER_CHARACTERS.sub("-", host).strip("-") or "registry"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
