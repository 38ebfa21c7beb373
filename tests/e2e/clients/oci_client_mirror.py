"""oci-client with a mirror set: the repository stays as it was, and `ns` says whose it is.

It sends `ns` on manifests, blobs and tags but not on referrers, which then go to the default source.
"""

from __future__ import annotations

from e2e.clients.script import ALL_TYPES, WASM_TAGS, Blob, Client, Manifest, Pong, Step, Tags

_PACKAGE = "/v2/webassembly/wasi/http"
_ACCEPT = (("Accept", ", ".join(ALL_TYPES)), ("User-Agent", "oci-client/0.17.0"))
_PING = Step("GET", "/v2/", Pong())
_HOST = "ghcr.io"

CLIENTS = (
    Client(
        "oci-client with a mirror",
        (
            _PING,
            Step(
                "GET", f"{_PACKAGE}/manifests/0.2.1?ns={_HOST}", Manifest("wasm.manifest"), _ACCEPT, namespace=_HOST
            ),
            _PING,
            Step(
                "GET",
                f"{_PACKAGE}/blobs/{{wasm.config.digest}}?ns={_HOST}",
                Blob("wasm.config"),
                _ACCEPT,
                namespace=_HOST,
            ),
            _PING,
            Step(
                "GET",
                f"{_PACKAGE}/blobs/{{wasm.layers[0].digest}}?ns={_HOST}",
                Blob("wasm.layers[0]"),
                _ACCEPT,
                namespace=_HOST,
            ),
            _PING,
            Step("GET", f"{_PACKAGE}/tags/list?ns={_HOST}", Tags(WASM_TAGS), namespace=_HOST),
        ),
        cold=4,
    ),
)
