"""Origins: scheme, host and port, which decide where a credential and a connection may go."""

from __future__ import annotations

from collections.abc import Iterable

from yarl import URL

from proxy.core.errors import SourceBroken


def origin_of(url: URL) -> str:
    """The origin of a URL, its default port left out."""
    return str(url.origin())


def origins_of(texts: Iterable[str]) -> frozenset[str]:
    """The origins meant by configured entries; a bare host means https."""
    return frozenset(origin_of(URL(text if "://" in text else f"https://{text}")) for text in texts)


def next_hop(current: URL, location: str | None, *, source: str) -> URL:
    """Where a redirect leads; SourceBroken where it may not lead.

    The target is taken as it is written: signatures break when a URL is encoded anew (aio-libs/aiohttp#4307).
    It never appears in a message: its query may be the secret.
    """
    if not location:
        raise SourceBroken(f"source {source} redirects without saying where to")
    try:
        target = current.join(URL(location, encoded=True))
        host = target.host
    except ValueError:
        raise SourceBroken(f"source {source} redirects to something that is no address") from None
    if target.scheme not in {"http", "https"} or not host or target.user is not None or target.password is not None:
        raise SourceBroken(f"source {source} redirects to something that is no web address")
    if current.scheme == "https" and target.scheme == "http":
        raise SourceBroken(f"source {source} redirects from https to http at {host}; that is never followed")
    return target.with_fragment(None)
