"""Referrers: the index of what refers to a manifest (spec.md, "Listing Referrers")."""

from __future__ import annotations

import json
from collections.abc import Sequence

from proxy.core.accept import OCI_INDEX
from proxy.core.errors import SourceBroken
from proxy.core.wants import Ask, Presented
from proxy.sources.lists import Pages
from proxy.sources.manifests import parse_object

MEDIA_TYPE = OCI_INDEX


async def assemble(pages: Pages, ask: Ask) -> bytes:
    """The whole index: the upstream's own bytes where it is one page, else one index of all pages' entries."""
    bodies = [page.body async for page in pages.walk(ask)]
    lists = [_descriptors(body) for body in bodies]
    if len(bodies) == 1:
        return bodies[0]
    return _index([descriptor for part in lists for descriptor in part])


def present(content: bytes, artifact_type: str | None) -> Presented:
    """The index one request gets, filtered if it asked for a type, and saying so."""
    if artifact_type is None:
        return Presented(content, MEDIA_TYPE)
    chosen = [
        descriptor
        for descriptor in _descriptors(content)
        if isinstance(descriptor, dict) and descriptor.get("artifactType") == artifact_type
    ]
    return Presented(_index(chosen), MEDIA_TYPE, {"OCI-Filters-Applied": "artifactType"})


def _descriptors(body: bytes) -> list[object]:
    descriptors = parse_object(body, "referrers index").get("manifests")
    if descriptors is None:
        return []
    if not isinstance(descriptors, list):
        raise SourceBroken("the source sent a referrers index without a list of manifests")
    return descriptors


def _index(descriptors: Sequence[object]) -> bytes:
    index = {"schemaVersion": 2, "mediaType": MEDIA_TYPE, "manifests": descriptors}
    return json.dumps(index, separators=(",", ":")).encode()
