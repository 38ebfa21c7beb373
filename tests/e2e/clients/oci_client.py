"""oci-client (Rust), the library below `component` and `wkg`: a ping before each call, 200 exactly, no HEAD.

It logs in only where the ping is answered with a challenge, and joins all its types into one Accept header, which
it sends on blobs as well (oci-client 0.14 to 0.17, src/client.rs).
"""

from __future__ import annotations

from e2e.clients.script import (
    ALL_TYPES,
    OFFLINE,
    SIGNATURE,
    WASM_TAGS,
    Blob,
    Client,
    Failure,
    Manifest,
    Pong,
    Referrers,
    Step,
    Tags,
    Together,
)

_PACKAGE = "/v2/ghcr.io/webassembly/wasi/http"


def _client(version: str) -> Client:
    agent = (("User-Agent", f"oci-client/{version}"),)
    accept = (("Accept", ", ".join(ALL_TYPES)), *agent)
    ping = Step("GET", "/v2/", Pong(), agent)
    manifest = Step("GET", f"{_PACKAGE}/manifests/latest", Manifest("wasm.manifest"), accept, status=200)
    pinned = Step("GET", f"{_PACKAGE}/manifests/{{wasm.manifest.digest}}", Manifest("wasm.manifest"), accept)
    missing = Step("GET", f"{_PACKAGE}/manifests/9.9.9", Failure(404, "MANIFEST_UNKNOWN"), accept, offline=OFFLINE)
    config = Step("GET", f"{_PACKAGE}/blobs/{{wasm.config.digest}}", Blob("wasm.config"), accept, status=200)
    layer = Step("GET", f"{_PACKAGE}/blobs/{{wasm.layers[0].digest}}", Blob("wasm.layers[0]"), accept, status=200)
    part = Step(
        "GET",
        f"{_PACKAGE}/blobs/{{wasm.layers[0].digest}}",
        Blob("wasm.layers[0]", 8),
        (*accept, ("Range", "bytes=8-")),
        status=206,
    )
    page = Step("GET", f"{_PACKAGE}/tags/list?n=2", Tags(WASM_TAGS[:2], linked=True), agent, status=200)
    following = Step("GET", f"{_PACKAGE}/tags/list?n=2&last={WASM_TAGS[1]}", Tags(WASM_TAGS[2:]), agent, status=200)
    referrers = Step(
        "GET", f"{_PACKAGE}/referrers/{{wasm.manifest.digest}}", Referrers((SIGNATURE,)), accept, status=200
    )
    calls = (manifest, pinned, missing, config, Together((layer, layer, layer)), part, page, following, referrers)
    return Client(f"oci-client {version}", tuple(step for call in calls for step in (ping, call)), cold=6)


CLIENTS = tuple(_client(version) for version in ("0.14.0", "0.15.0", "0.16.1", "0.17.0"))
