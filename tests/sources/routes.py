"""Requests as the routes see them, and a scripted upstream for assembled answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.core.accept import parse_accept
from proxy.core.errors import SourceMissing
from proxy.core.targets import parse_target
from proxy.core.wants import Assembled, Page, Place, Want
from proxy.sources.base import Request
from proxy.sources.oci import OciSource
from proxy.sources.routing import OciRoutes

DIGEST = "sha256:" + "0123456789abcdef" * 4


def oci_source(name: str = "hub", base: str = "https://registry-1.docker.io", **settings: object) -> OciSource:
    """A source; `hosts` and `default` as wanted."""
    hosts = settings.get("hosts", ("docker.io", "registry-1.docker.io"))
    assert isinstance(hosts, Iterable)
    return OciSource(
        name=name, base=base, hosts=frozenset(hosts), default=bool(settings.get("default")), tag_ttl=60.0
    )


def request(target: str, *accept: str) -> Request:
    """A request for a raw target."""
    return Request(parse_target(target), parse_accept(accept))


def want_of(routes: OciRoutes, target: str, *accept: str) -> Want:
    """The want that a target means."""
    meaning = routes.match(request(target, *accept))
    assert isinstance(meaning, Want)
    return meaning


def list_of(routes: OciRoutes, target: str) -> Assembled:
    """The assembled answer that a target means."""
    meaning = routes.match(request(target))
    assert isinstance(meaning, Assembled)
    return meaning


class ScriptedSource:
    """Answers `ask` by path; what is not scripted is missing. Remembers what it was asked for."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.asked: list[Place] = []
        self._pages = pages

    async def __call__(self, place: Place, limit: int) -> Page:
        """The page at a path."""
        self.asked.append(place)
        page = self._pages.get(place.path)
        if page is None:
            raise SourceMissing(f"nothing at {place.path}")
        return page


def page(body: bytes, link: str | None = None, media_type: str = "application/json") -> Page:
    """One page of a list."""
    return Page(body, media_type, {} if link is None else {"Link": link})
