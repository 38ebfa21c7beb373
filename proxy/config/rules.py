"""What sources may not do to each other: take the same name, the same host or the same default place.

Looked for in what is written, so that a source which is wrong in itself still counts, and all mistakes show at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from proxy.config.addresses import authority_of, canonical_authority, canonical_url
from proxy.config.problems import Problem


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one source wants for itself; unreadable parts are left out."""

    index: int
    name: str | None
    hosts: tuple[str, ...]
    enabled: bool
    default: bool


def conflicts(sources: Iterable[object]) -> Iterator[Problem]:
    """Every clash, told at the later of the two sources.

    Names are unique over all sources; hosts and the default place over those that are enabled. A name that is
    another source's host would make a path's first component mean two things.
    """
    claims = [_claim(index, source) for index, source in enumerate(sources)]
    enabled = [claim for claim in claims if claim.enabled]
    yield from _shared_names(claims)
    yield from _shared_hosts(enabled)
    yield from _names_that_are_hosts(enabled)
    for claim in [claim for claim in enabled if claim.default][1:]:
        yield Problem(("sources", claim.index, "default"), "is true for another enabled source as well")


def _shared_names(claims: list[_Claim]) -> Iterator[Problem]:
    owners: dict[str, int] = {}
    for claim in claims:
        if claim.name is not None and owners.setdefault(claim.name, claim.index) != claim.index:
            clause = f"is the name of sources[{owners[claim.name]}] already"
            yield Problem(("sources", claim.index, "name"), clause)


def _shared_hosts(claims: list[_Claim]) -> Iterator[Problem]:
    owners: dict[str, int] = {}
    for claim in claims:
        for host in claim.hosts:
            if owners.setdefault(host, claim.index) != claim.index:
                clause = f"has {host}, which belongs to sources[{owners[host]}] already"
                yield Problem(("sources", claim.index, "hosts"), clause)


def _names_that_are_hosts(claims: list[_Claim]) -> Iterator[Problem]:
    for claim in claims:
        for other in claims:
            if other is not claim and claim.name in other.hosts:
                clause = f"is a host of sources[{other.index}]: choose another name"
                yield Problem(("sources", claim.index, "name"), clause)


def _claim(index: int, source: object) -> _Claim:
    table = source if isinstance(source, dict) else {}
    name = table.get("name")
    return _Claim(
        index,
        name if isinstance(name, str) else None,
        _hosts(table.get("hosts"), table.get("url")),
        enabled=table.get("enabled") is not False,
        default=table.get("default") is True,
    )


def _hosts(written: object, url: object) -> tuple[str, ...]:
    hosts: dict[str, None] = {}
    for host in written if isinstance(written, list) else []:
        if isinstance(host, str):
            with suppress(ValueError):
                hosts[canonical_authority(host)] = None
    if not written and isinstance(url, str):
        with suppress(ValueError):
            hosts[authority_of(canonical_url(url))] = None
    return tuple(hosts)
