"""What requests of the distribution specification become."""

from __future__ import annotations

import math

import pytest
from sources.routes import DIGEST, oci_source, request, want_of

from proxy.core.accept import ANYTHING, OCI_INDEX, OCI_MANIFEST
from proxy.core.digest import Digest
from proxy.core.errors import Missing, RequestError
from proxy.core.wants import Claim
from proxy.sources.routing import OciRoutes

_ROUTES = OciRoutes(
    [oci_source("private", "https://registry.example.com", hosts=("registry.example.com",), default=True)]
)
_CONTENT = Digest.parse(DIGEST)


def test_a_tag() -> None:
    """A tag ages, is asked for with the client's types, and stands for a manifest by digest."""
    want = want_of(_ROUTES, "/v2/a/b/manifests/v1", OCI_MANIFEST, OCI_INDEX)
    assert (want.lifetime, want.digest, want.kind.whole) == (60.0, None, True)
    assert want.place.accept == f"{OCI_INDEX}, {OCI_MANIFEST}"
    assert want.pin is not None
    assert want.pin(_CONTENT).key == want_of(_ROUTES, f"/v2/a/b/manifests/{DIGEST}").key


def test_a_manifest_by_digest() -> None:
    """A digest never ages and is asked for in one way, whoever asks; the client's types still hold for it."""
    want = want_of(_ROUTES, f"/v2/a/b/manifests/{DIGEST}", OCI_MANIFEST)
    assert (want.lifetime, want.digest) == (math.inf, _CONTENT)
    assert want.place.accept == ANYTHING.header()
    assert not want.accepts.admits(OCI_INDEX)


def test_a_blob() -> None:
    """A blob is kept by its repository, streams, and has one type whatever the upstream calls it."""
    want = want_of(_ROUTES, f"/v2/a/b/blobs/{DIGEST}")
    assert (want.lifetime, want.digest, want.kind.whole) == (math.inf, _CONTENT, False)
    assert want.key != want_of(_ROUTES, f"/v2/a/c/blobs/{DIGEST}").key
    claim = want.read_head({"Content-Type": "application/json", "Docker-Content-Digest": "sha256:nonsense"}, 7)
    assert claim == Claim(_CONTENT, 7, "application/octet-stream")


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/html; charset=utf-8"}, {"Docker-Content-Digest": "sha256:" + "0" * 64}]
)
def test_a_blob_that_is_not_claimed(headers: dict[str, str]) -> None:
    """A web page, or another blob's digest, claims nothing of the blob."""
    assert want_of(_ROUTES, f"/v2/a/b/blobs/{DIGEST}").read_head(headers, 7) is None


@pytest.mark.parametrize(
    "digest",
    [
        DIGEST.upper(),
        "sha256:" + DIGEST[7:].upper(),
        DIGEST[:-1],
        DIGEST + "0",
        "sha256:",
        "md5:" + "a" * 32,
        "sha384:" + "a" * 96,
        "sha256:..",
        "sha256:" + "%D9%A3" * 64,
        "sha256:" + "g" * 64,
        "sha512:" + DIGEST[7:],
    ],
)
@pytest.mark.parametrize("action", ["blobs", "manifests", "referrers"])
def test_wrong_digests(action: str, digest: str) -> None:
    """A digest that is spelled wrongly is a 400 with its own code."""
    with pytest.raises(RequestError) as caught:
        _ROUTES.match(request(f"/v2/a/{action}/{digest}"))
    assert (caught.value.status, caught.value.code) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("action", ["blobs", "referrers"])
@pytest.mark.parametrize("reference", ["latest", "", "%20"])
def test_names_where_digests_belong(action: str, reference: str) -> None:
    """Blobs and referrers have no tags."""
    with pytest.raises(RequestError) as caught:
        _ROUTES.match(request(f"/v2/a/{action}/{reference}"))
    assert caught.value.code == "DIGEST_INVALID"


@pytest.mark.parametrize(
    "tag", [".INVALID_MANIFEST_NAME", "-x", "a" * 129, "a%20b", "", "a@b", "caf%C3%A9", "a;b", "a%2Bb"]
)
def test_odd_tags(tag: str) -> None:
    """What no tag can be called does not exist."""
    with pytest.raises(Missing) as caught:
        _ROUTES.match(request(f"/v2/a/manifests/{tag}"))
    assert (caught.value.status, caught.value.code) == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"Content-Type": OCI_INDEX + "; charset=utf-8", "Docker-Content-Digest": DIGEST},
            Claim(_CONTENT, 9, OCI_INDEX),
        ),
        ({"Docker-Content-Digest": DIGEST}, Claim(_CONTENT, 9, None)),
        ({"Content-Type": "application/json", "Docker-Content-Digest": DIGEST}, Claim(_CONTENT, 9, None)),
        ({"Content-Type": "application/octet-stream", "Docker-Content-Digest": DIGEST}, Claim(_CONTENT, 9, None)),
        ({"Content-Type": OCI_INDEX}, None),
        ({"Content-Type": OCI_INDEX, "Docker-Content-Digest": "sha256:x"}, None),
        ({"Content-Type": OCI_INDEX, "Docker-Content-Digest": DIGEST.upper()}, None),
    ],
)
def test_what_a_head_claims(headers: dict[str, str], expected: Claim | None) -> None:
    """A HEAD is believed as far as it goes; a type that says nothing about a manifest is no type."""
    assert want_of(_ROUTES, "/v2/a/manifests/v1").read_head(headers, 9) == expected


def test_upstream_paths_are_written_anew() -> None:
    """The upstream sees a path made of checked parts, never the client's text."""
    want = want_of(_ROUTES, "/v2/%61/manifests/%76%31?x=../y")
    assert want.place.path == "/v2/a/manifests/v1"
