"""Recognising manifests: by what they are, not by what they are called."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.accept import DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SIGNED_V1, DOCKER_V1, OCI_INDEX, OCI_MANIFEST
from proxy.core.errors import SourceBroken
from proxy.sources.manifests import recognise_manifest

_IMAGE: dict[str, object] = {"schemaVersion": 2, "config": {}, "layers": []}
_INDEX: dict[str, object] = {"schemaVersion": 2, "manifests": []}


def _bytes(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("document", "content_type", "expected"),
    [
        (_IMAGE, OCI_MANIFEST, OCI_MANIFEST),
        (_IMAGE, OCI_MANIFEST + "; charset=utf-8", OCI_MANIFEST),
        (_IMAGE, OCI_MANIFEST.upper(), OCI_MANIFEST),
        (_IMAGE, DOCKER_MANIFEST, DOCKER_MANIFEST),
        (_INDEX, OCI_INDEX, OCI_INDEX),
        (_INDEX, DOCKER_LIST, DOCKER_LIST),
        ({**_IMAGE, "mediaType": OCI_MANIFEST}, OCI_MANIFEST, OCI_MANIFEST),
        ({**_IMAGE, "mediaType": DOCKER_MANIFEST}, "application/json", DOCKER_MANIFEST),
        ({**_INDEX, "mediaType": DOCKER_LIST}, "application/octet-stream", DOCKER_LIST),
        ({**_INDEX, "mediaType": DOCKER_LIST}, None, DOCKER_LIST),
        (_IMAGE, "text/plain; charset=utf-8", OCI_MANIFEST),
        (_INDEX, "application/json", OCI_INDEX),
        ({"schemaVersion": 1, "fsLayers": []}, DOCKER_SIGNED_V1, DOCKER_SIGNED_V1),
        ({"schemaVersion": 1, "fsLayers": []}, "application/json", DOCKER_V1),
        (
            {"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": []},
            "application/vnd.oci.artifact.manifest.v1+json",
            "application/vnd.oci.artifact.manifest.v1+json",
        ),
        ({**_IMAGE, "mediaType": 5}, OCI_MANIFEST, OCI_MANIFEST),
    ],
)
def test_recognised(document: object, content_type: str | None, expected: str) -> None:
    """The declared type, or where that says nothing the body's own, or where that is silent too its shape."""
    assert recognise_manifest(_bytes(document), content_type) == expected


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", OCI_MANIFEST),
        (b"<!doctype html><html>log in</html>", "text/html"),
        (b"<!doctype html><html>log in</html>", OCI_MANIFEST),
        (b'{"errors": []}', "application/json"),
        (_bytes(_IMAGE), "text/html; charset=utf-8"),
        (_bytes(_IMAGE), "application/xhtml+xml"),
        (_bytes({"hello": "world"}), "application/json"),
        (_bytes({"hello": "world"}), None),
        (b"[]", OCI_INDEX),
        (b'"text"', OCI_INDEX),
        (b"null", OCI_INDEX),
        (b"{", OCI_INDEX),
        (b"\xff\xfe{}", OCI_INDEX),
        (b"{}\x00", OCI_INDEX),
        (b'{"a":' * 100_000, OCI_INDEX),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", OCI_INDEX),
        (b'{"a":' + b"9" * 5000 + b"}", OCI_INDEX),
        (_bytes({**_IMAGE, **_INDEX}), OCI_INDEX),
        (_bytes({**_IMAGE, **_INDEX}), OCI_MANIFEST),
        (_bytes({"manifests": [], "layers": []}), "application/json"),
        (_bytes({"manifests": [], "config": {}}), "application/vnd.example"),
        (_bytes({**_IMAGE, "mediaType": OCI_INDEX}), OCI_MANIFEST),
        (_bytes({**_IMAGE, "mediaType": DOCKER_MANIFEST}), OCI_MANIFEST),
        (_bytes({**_INDEX, "mediaType": OCI_MANIFEST}), "application/json"),
        (_bytes(_IMAGE), OCI_INDEX),
        (_bytes(_IMAGE), DOCKER_LIST),
        (_bytes(_INDEX), OCI_MANIFEST),
        (_bytes(_INDEX), DOCKER_MANIFEST),
        (
            b'{"mediaType": "%s", "layers": [], "mediaType": "%s"}' % (OCI_INDEX.encode(), OCI_MANIFEST.encode()),
            OCI_INDEX,
        ),
    ],
)
def test_refused(content: bytes, content_type: str | None) -> None:
    """Login pages, bombs, other documents, contradictions and bodies of two readings are a source's failure."""
    with pytest.raises(SourceBroken):
        recognise_manifest(content, content_type)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(["mediaType", "manifests", "layers", "config", "schemaVersion", "x"])
_TYPES = st.sampled_from(
    [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, "application/json", "text/html", "x"]
)


@given(st.dictionaries(_KEYS, _JSON | _TYPES | st.just([]), max_size=6), st.none() | _TYPES)
def test_no_document_has_two_readings(document: dict[str, object], content_type: str | None) -> None:
    """Whatever is recognised is of one shape, and agrees with what it calls itself."""
    try:
        found = recognise_manifest(_bytes(document), content_type)
    except SourceBroken:
        return
    index, image = "manifests" in document, "layers" in document or "config" in document
    assert not (index and image)
    assert not (index and found in {OCI_MANIFEST, DOCKER_MANIFEST})
    assert not (image and found in {OCI_INDEX, DOCKER_LIST})
    inner = document.get("mediaType")
    assert not isinstance(inner, str) or "/" not in inner or inner == found


@given(st.binary(max_size=60), st.none() | st.text(max_size=30))
def test_any_bytes(content: bytes, content_type: str | None) -> None:
    """No bytes raise anything but the one error."""
    try:
        found = recognise_manifest(content, content_type)
    except SourceBroken:
        return
    assert "/" in found
