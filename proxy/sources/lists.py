"""Walking an upstream's pages: opaque cursors are followed, another host never is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from proxy.core.errors import SourceBroken
from proxy.core.wants import Ask, Page, Place

PAGE_LIMIT = 4 * 1024 * 1024
# Only against pages without end: what a list may cost is bounded by its bytes. Registries exist that put ten or
# fifty names on a page whatever is asked, so that true lists have hundreds of pages.
MOST_PAGES = 10_000
MOST_BYTES = 64 * 1024 * 1024
"""What all pages of a list may have together, with their addresses, which are kept to notice a circle."""

_ROOTED = re.compile(r"/[!-~]*")
# One parameter of a link: a name, and a value that is quoted or bare (RFC 8288 section 3).
_PARAMETER = re.compile(r"""\s*;\s*([^\s=;,"]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?""")


@dataclass(frozen=True, slots=True)
class Pages:
    """A list upstream, by its first page; `base_path` is the path of the source's own address."""

    first: Place
    base_path: str

    @property
    def sender(self) -> str:
        """Who sends these pages, for messages."""
        return f"source {self.first.source}"

    async def walk(self, ask: Ask) -> AsyncIterator[Page]:
        """Every page in order; SourceBroken when they run in a circle or never end."""
        place, seen, size = self.first, {self.first.path}, 0
        for _ in range(MOST_PAGES):
            page = await ask(place, PAGE_LIMIT)
            size += len(page.body) + len(place.path)
            if size > MOST_BYTES:
                raise SourceBroken(f"{self.sender} sent more than {MOST_BYTES} bytes for {self.first.path}")
            yield page
            path = self._next_path(place, page.headers.get("Link"))
            if path is None:
                return
            if path in seen:
                raise SourceBroken(f"{self.sender} sent pages of {self.first.path} that run in a circle")
            seen.add(path)
            place = replace(place, path=path)
        raise SourceBroken(f"{self.sender} sent more than {MOST_PAGES} pages for {self.first.path}")

    def _next_path(self, place: Place, header: str | None) -> str | None:
        """Where the next page is, below the source's address.

        Scheme and host of the link are dropped: behind other people's proxies they are often wrong, and a
        page of this list can only be where the list is. What is no rooted path is refused: put behind the
        source's address it would name another host.
        """
        target = next_link(header)
        if target is None:
            return None
        try:
            parts = urlsplit(urljoin("http://source" + self.base_path + place.path, target))
        except ValueError:
            raise SourceBroken(f"{self.sender} sent a link behind {self.first.path} that is no address") from None
        path = parts.path.removeprefix(self.base_path)
        found = f"{path}?{parts.query}" if parts.query else path
        if _ROOTED.fullmatch(found) is None:
            raise SourceBroken(f"{self.sender} sent a link behind {self.first.path} that is no path of its own")
        return found


def next_link(header: str | None) -> str | None:
    """The target of the `next` relation in a Link header (RFC 8288 section 3)."""
    rest = header or ""
    while True:
        _, opened, rest = rest.partition("<")
        target, closed, rest = rest.partition(">")
        if not opened or not closed:
            return None
        relations, rest = _take_relations(rest)
        if "next" in relations:
            return target.strip()


def _take_relations(text: str) -> tuple[list[str], str]:
    """The relations that the parameters of a link name, and the text behind them; only the first `rel` counts."""
    relations: list[str] | None = None
    position = 0
    while (parameter := _PARAMETER.match(text, position)) is not None:
        name, quoted, bare = parameter.groups()
        if name.lower() == "rel" and relations is None:
            relations = (quoted or bare or "").lower().split()
        position = parameter.end()
    return relations or [], text[position:]
