"""Referrers: the index of what refers to a manifest (spec.md, "Listing Referrers")."""

from __future__ import annotations

import json
from collections.abc import Sequence

from proxy.core.accept import OCI_INDEX
from proxy.core.digest import Digest
from proxy.core.errors import SourceBroken, SourceMissing
from proxy.core.wants import Ask, Place, Presented
from proxy.sources.lists import Pages
from proxy.sources.manifests import LIMIT, parse_object, recognise_manifest

MEDIA_TYPE = OCI_INDEX


def fallback_tag(subject: Digest) -> str:
    """The tag under which a registry without the API lists what refers to a manifest ("Referrers Tag Schema")."""
    return f"{subject.algorithm}-{subject.hex[:64]}"


async def assemble(pages: Pages, fallback: Place, subject: Digest, ask: Ask) -> bytes:
    """The whole index: from the API, else from the fallback tag, else an empty one.

    One page stays the upstream's own bytes; several become one index. Older clients do not know the fallback
    tag and would see no signatures on registries without the API.
    """
    try:
        bodies = [page.body async for page in pages.walk(ask)]
    except SourceMissing:
        return await _from_fallback(fallback, subject, ask)
    lists = [_descriptors(body, pages.sender) for body in bodies]
    return bodies[0] if len(bodies) == 1 else _index([descriptor for part in lists for descriptor in part])


async def _from_fallback(fallback: Place, subject: Digest, ask: Ask) -> bytes:
    """The index that the fallback tag names, an empty one if there is no such tag; its other failures are the list's.

    Some registries resolve that tag to the subject itself (oras-project/oras-go#1396): only an index that is not
    the subject is believed.
    """
    try:
        page = await ask(fallback, LIMIT)
    except SourceMissing:
        return _index([])
    try:
        media_type = recognise_manifest(page.body, page.media_type)
    except SourceBroken:
        return _index([])
    is_subject = Digest.of(page.body, subject.algorithm) == subject
    return page.body if media_type == MEDIA_TYPE and not is_subject else _index([])


def present(content: bytes, artifact_type: str | None) -> Presented:
    """The index one request gets, filtered if it asked for a type, and saying so."""
    if artifact_type is None:
        return Presented(content, MEDIA_TYPE)
    chosen = [
        descriptor
        for descriptor in _descriptors(content, "the cache")
        if isinstance(descriptor, dict) and descriptor.get("artifactType") == artifact_type
    ]
    return Presented(_index(chosen), MEDIA_TYPE, {"OCI-Filters-Applied": "artifactType"})


def _descriptors(body: bytes, sender: str) -> list[object]:
    descriptors = parse_object(body, "referrers index", sender).get("manifests")
    if descriptors is None:
        return []
    if not isinstance(descriptors, list):
        raise SourceBroken(f"{sender} sent a referrers index without a list of manifests")
    return descriptors


def _index(descriptors: Sequence[object]) -> bytes:
    index = {"schemaVersion": 2, "mediaType": MEDIA_TYPE, "manifests": descriptors}
    return json.dumps(index, separators=(",", ":")).encode()
