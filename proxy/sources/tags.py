"""Tag lists: merged once, then cut to what each client asks (spec.md, "Listing Tags")."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from proxy.core.errors import RequestError, SourceBroken
from proxy.core.targets import Target
from proxy.core.wants import Ask, Presented
from proxy.sources.lists import Pages
from proxy.sources.manifests import parse_object

_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class TagQuery:
    """At most `count` tags (None: all of them) that stand behind `last` in lexical order."""

    count: int | None
    last: str | None

    @classmethod
    def parse(cls, target: Target) -> TagQuery:
        """Read `n` and `last`; RequestError where `n` is no number."""
        count = target.parameter("n")
        if count is not None and not (count.isascii() and count.isdigit()):
            raise RequestError("n must be a number of tags, 0 or more")
        number = None if count is None else int(count[:_LONGEST_NUMBER])
        return cls(number, target.parameter("last"))


async def assemble(pages: Pages, ask: Ask) -> bytes:
    """All tags over all pages, as the content to keep."""
    names: set[str] = set()
    async for page in pages.walk(ask):
        listed = parse_object(page.body, "tag list").get("tags") or []
        if not isinstance(listed, list):
            raise SourceBroken("the source sent a tag list without a list of tags")
        names.update(name for name in listed if isinstance(name, str))
    return from_names(names)


def from_names(names: Iterable[str]) -> bytes:
    """The content to keep for these tags."""
    return json.dumps(sorted(names)).encode()


def present(content: bytes, asked_name: str, namespace: str | None, query: TagQuery) -> Presented:
    """The list one request gets, under the name it asked by.

    All tags when `n` is absent: some clients read one page only. `last` is always honoured, because a client
    that pages by it would loop for ever. The link is a path on whatever address the client reached us by.
    """
    names: list[str] = json.loads(content)
    if query.last is not None:
        names = [name for name in names if name > query.last]
    headers = {}
    if query.count is not None:
        more = len(names) > query.count
        names = names[: query.count]
        if more and names:
            following = {"n": str(query.count), "last": names[-1]}
            if namespace is not None:
                following["ns"] = namespace
            path = f"/v2/{quote(asked_name)}/tags/list?{urlencode(following)}"
            headers["Link"] = f'<{path}>; rel="next"'
    body = json.dumps({"name": asked_name, "tags": names}, separators=(",", ":")).encode()
    return Presented(body, "application/json", headers)
