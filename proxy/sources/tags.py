"""Tag lists: merged once, then cut to what each client asks (spec.md, "Listing Tags")."""

from __future__ import annotations

import json
from collections.abc import Iterable

from proxy.core.errors import SourceBroken
from proxy.core.names import is_tag
from proxy.core.wants import Ask, Presented
from proxy.sources.lists import Pages
from proxy.sources.manifests import parse_object
from proxy.sources.window import Window


async def assemble(pages: Pages, ask: Ask) -> bytes:
    """All tags over all pages, as the content to keep. What no tag can be called is left out."""
    names: set[str] = set()
    async for page in pages.walk(ask):
        listed = parse_object(page.body, "tag list", pages.sender).get("tags") or []
        if not isinstance(listed, list):
            raise SourceBroken(f"{pages.sender} sent a tag list without a list of tags")
        names.update(name for name in listed if isinstance(name, str) and is_tag(name))
    return from_names(names)


def from_names(names: Iterable[str]) -> bytes:
    """The content to keep for these tags."""
    return json.dumps(sorted(names)).encode()


def present(content: bytes, asked_name: str, window: Window) -> Presented:
    """The list one request gets, under the name it asked by."""
    names, headers = window.cut(json.loads(content), f"/v2/{asked_name}/tags/list")
    body = json.dumps({"name": asked_name, "tags": names}, separators=(",", ":")).encode()
    return Presented(body, "application/json", headers)
