"""Recognising OCI and Docker manifests: the checks that a digest alone does not make."""

from __future__ import annotations

from proxy.core import jsonobject
from proxy.core.accept import (
    DOCKER_MANIFEST,
    DOCKER_V1,
    INDEX_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    media_type_of,
)
from proxy.core.errors import SourceBroken

LIMIT = 4 * 1024 * 1024
"""The size up to which clients accept a manifest, in bytes (containerd, oras)."""

SAYS_NOTHING = frozenset({None, "application/json", "application/octet-stream", "text/plain", "text/json"})
_IMAGE_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})


def recognise_manifest(content: bytes, content_type: str | None) -> str:
    """The media type of a manifest; SourceBroken for what cannot be one.

    Refused: what is no JSON object (a login page with status 200), a body whose `mediaType` contradicts its
    Content-Type, and a body that reads both as an index and as an image (CVE-2021-41190). A Content-Type that
    says nothing is replaced by what the body says.
    """
    manifest = parse_object(content, "manifest")
    if "manifests" in manifest and ("layers" in manifest or "config" in manifest):
        raise SourceBroken("the source sent a manifest that reads both as an index and as an image")
    declared = media_type_of(content_type)
    stated = manifest.get("mediaType")
    inner = media_type_of(stated) if isinstance(stated, str) else None
    if declared in SAYS_NOTHING:
        declared = inner or _inferred(manifest)
    if declared is None or "html" in declared:
        raise SourceBroken("the source sent a manifest without a usable Content-Type")
    if inner is not None and inner != declared:
        raise SourceBroken(f"the source sent a manifest as {declared} that calls itself {inner}")
    _check_shape(manifest, declared)
    return declared


def parse_object(content: bytes, what: str, sender: str = "the source") -> dict[str, object]:
    """A JSON object out of an upstream's bytes; SourceBroken for anything else, however deeply nested."""
    try:
        return jsonobject.parse_object(content)
    except ValueError:
        raise SourceBroken(f"{sender} sent something that is no JSON object in place of a {what}") from None


def _inferred(manifest: dict[str, object]) -> str | None:
    if isinstance(manifest.get("manifests"), list):
        return OCI_INDEX
    if manifest.get("schemaVersion") == 1:
        return DOCKER_V1
    return OCI_MANIFEST if isinstance(manifest.get("layers"), list) else None


def _check_shape(manifest: dict[str, object], media_type: str) -> None:
    index_fields, image_fields = "manifests" in manifest, "layers" in manifest or "config" in manifest
    if (media_type in INDEX_TYPES and image_fields) or (media_type in _IMAGE_TYPES and index_fields):
        raise SourceBroken(f"the source sent something else in place of {media_type}")
