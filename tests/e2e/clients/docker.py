"""The Docker daemon with a registry mirror: Hub's names at our root, and the user's password for Hub with them.

It sends to mirrors what was meant for Hub (moby issue 42022), asks HEAD by tag and GET by digest, and each media
type stands in an Accept line of its own.
"""

from __future__ import annotations

from e2e.clients.script import ALL_TYPES, ALPINE_TAG, Blob, Client, Manifest, Pong, Step, Together

_ALPINE = "/v2/library/alpine"
_AGENT = (
    ("User-Agent", "docker/27.3.1 go/go1.22.7 kernel/6.1 os/linux arch/amd64 UpstreamClient(Docker-Client/27.3.1)"),
    ("Authorization", "Basic bWFyaW5lcjpjYW5hcnktb2YtdGhlLWNsaWVudA=="),
)
_ACCEPT = (*(("Accept", media_type) for media_type in ALL_TYPES), *_AGENT)
_BYTES = (("Accept-Encoding", "identity"), *_AGENT)


def _blob(part: str) -> Step:
    return Step("GET", f"{_ALPINE}/blobs/{{{part}.digest}}", Blob(part), _BYTES, status=200)


CLIENTS = (
    Client(
        "docker with a mirror",
        (
            Step("GET", "/v2/", Pong(), _AGENT),
            Step("HEAD", f"{_ALPINE}/manifests/{ALPINE_TAG}", Manifest("alpine.manifest"), _ACCEPT, status=200),
            Step("GET", f"{_ALPINE}/manifests/{{alpine.manifest.digest}}", Manifest("alpine.manifest"), _ACCEPT),
            Step(
                "GET",
                f"{_ALPINE}/manifests/{{alpine.images[0].manifest.digest}}",
                Manifest("alpine.images[0].manifest"),
                _ACCEPT,
            ),
            _blob("alpine.images[0].config"),
            Together((_blob("alpine.images[0].layers[0]"), _blob("alpine.images[0].layers[1]"))),
        ),
        cold=6,
    ),
)
