"""crane (go-containerregistry): HEAD must carry type, length and digest, and links must stay on our origin."""

from __future__ import annotations

from e2e.clients.script import (
    ALL_TYPES,
    ALPINE_TAG,
    BUSY_TAGS,
    Blob,
    Client,
    Manifest,
    Pong,
    Step,
    Tags,
    Together,
)

_ALPINE = "/v2/docker.io/alpine"
_AGENT = (("User-Agent", "crane/0.20.6 go-containerregistry/0.20.6"), ("Accept-Encoding", "gzip"))
_ACCEPT = (("Accept", ",".join(ALL_TYPES)), *_AGENT)
_PING = Step("GET", "/v2/", Pong(), _AGENT)


def _blob(method: str, part: str) -> Step:
    return Step(method, f"{_ALPINE}/blobs/{{{part}.digest}}", Blob(part), _AGENT, status=200)


CLIENTS = (
    Client(
        "crane",
        (
            _PING,
            Step("HEAD", f"{_ALPINE}/manifests/{ALPINE_TAG}", Manifest("alpine.manifest"), _ACCEPT, status=200),
            _PING,
            Step("GET", f"{_ALPINE}/manifests/{ALPINE_TAG}", Manifest("alpine.manifest"), _ACCEPT, status=200),
            Step(
                "GET",
                f"{_ALPINE}/manifests/{{alpine.images[1].manifest.digest}}",
                Manifest("alpine.images[1].manifest"),
                _ACCEPT,
            ),
            _blob("HEAD", "alpine.images[1].layers[0]"),
            Together((_blob("GET", "alpine.images[1].config"), _blob("GET", "alpine.images[1].layers[0]"))),
            _PING,
            Step("GET", "/v2/ghcr.io/acme/busy/tags/list?n=1000", Tags(BUSY_TAGS[:1000], linked=True), _AGENT),
            Step("GET", "{link}", Tags(BUSY_TAGS[1000:]), _AGENT),
        ),
        cold=8,
    ),
)
