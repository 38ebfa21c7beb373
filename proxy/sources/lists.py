"""Walking an upstream's pages: opaque cursors are followed, another host never is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from proxy.core.errors import SourceBroken
from proxy.core.wants import Ask, Page, Place

PAGE_LIMIT = 4 * 1024 * 1024
MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class Pages:
    """A list upstream, by its first page; `base_path` is the path of the source's own address."""

    first: Place
    base_path: str

    async def walk(self, ask: Ask) -> AsyncIterator[Page]:
        """Every page in order; SourceBroken when they run in a circle or never end."""
        place, seen = self.first, {self.first.path}
        for _ in range(MOST_PAGES):
            page = await ask(place, PAGE_LIMIT)
            yield page
            path = self._next_path(place, page.headers.get("Link"))
            if path is None:
                return
            if path in seen:
                raise SourceBroken(f"the pages of {self.first.path} run in a circle")
            seen.add(path)
            place = replace(place, path=path)
        raise SourceBroken(f"{self.first.path} has more than {MOST_PAGES} pages")

    def _next_path(self, place: Place, header: str | None) -> str | None:
        """Where the next page is, below the source's address.

        Scheme and host of the link are dropped: behind other people's proxies they are often wrong, and a
        page of this list can only be where the list is.
        """
        target = next_link(header)
        if target is None:
            return None
        parts = urlsplit(urljoin("http://source" + self.base_path + place.path, target))
        path = parts.path.removeprefix(self.base_path)
        return f"{path}?{parts.query}" if parts.query else path


def next_link(header: str | None) -> str | None:
    """The target of the `next` relation in a Link header (RFC 8288)."""
    for link in (header or "").split(","):
        target, _, parameters = link.strip().partition(">")
        relations = [part.strip().lower().replace('"', "") for part in parameters.split(";")]
        if target.startswith("<") and "rel=next" in relations:
            return target[1:].strip()
    return None
