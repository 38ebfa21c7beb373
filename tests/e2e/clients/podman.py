"""podman and skopeo (containers/image): the index by tag, the rest by digest, an Accept line for each type."""

from __future__ import annotations

from e2e.clients.script import ALL_TYPES, ALPINE_TAG, Blob, Client, Manifest, Pong, Step, Tags, Together

_ALPINE = "/v2/docker.io/library/alpine"
_AGENT = (("User-Agent", "containers/5.34.2 (github.com/containers/image)"),)
_VERSION = (("Docker-Distribution-Api-Version", "registry/2.0"), *_AGENT)
_OLD = ("application/vnd.docker.distribution.manifest.v1+prettyjws", "application/json")
_ACCEPT = (*(("Accept", media_type) for media_type in (*ALL_TYPES, *_OLD)), *_VERSION)


def _blob(part: str) -> Step:
    return Step("GET", f"{_ALPINE}/blobs/{{{part}.digest}}", Blob(part), _VERSION, status=200)


CLIENTS = (
    Client(
        "podman",
        (
            Step("GET", "/v2/", Pong(), _AGENT),
            Step("GET", f"{_ALPINE}/manifests/{ALPINE_TAG}", Manifest("alpine.manifest"), _ACCEPT, status=200),
            Step(
                "GET",
                f"{_ALPINE}/manifests/{{alpine.images[0].manifest.digest}}",
                Manifest("alpine.images[0].manifest"),
                _ACCEPT,
            ),
            Together(
                (
                    _blob("alpine.images[0].config"),
                    _blob("alpine.images[0].layers[0]"),
                    _blob("alpine.images[0].layers[1]"),
                )
            ),
            Step("GET", f"{_ALPINE}/tags/list", Tags((ALPINE_TAG,)), _VERSION, status=200),
        ),
        cold=6,
    ),
)
