"""`wkg`: all versions from one page of tags, then the pull. A token of its own is sent without a ping.

A package is taken for missing only if the one error is `NAME_UNKNOWN` (wasm-pkg-client, src/oci/mod.rs).
"""

from __future__ import annotations

from e2e.clients.script import ALL_TYPES, OFFLINE, WASM_TAGS, Blob, Client, Failure, Manifest, Step, Tags

_PACKAGE = "/v2/ghcr.io/webassembly/wasi/http"
_AGENT = (("User-Agent", "oci-client/0.17.0"), ("Authorization", "Bearer canary-of-the-client"))
_ACCEPT = (("Accept", ", ".join(ALL_TYPES)), *_AGENT)

CLIENTS = (
    Client(
        "wkg",
        (
            Step("GET", f"{_PACKAGE}/tags/list", Tags(WASM_TAGS), _AGENT, status=200),
            Step("GET", f"{_PACKAGE}/manifests/0.2.1", Manifest("wasm.manifest"), _ACCEPT, status=200),
            Step("GET", f"{_PACKAGE}/blobs/{{wasm.config.digest}}", Blob("wasm.config"), _ACCEPT, status=200),
            Step("GET", f"{_PACKAGE}/blobs/{{wasm.layers[0].digest}}", Blob("wasm.layers[0]"), _ACCEPT, status=200),
            Step(
                "GET",
                "/v2/ghcr.io/webassembly/wasi/none/tags/list",
                Failure(404, "NAME_UNKNOWN"),
                _AGENT,
                offline=OFFLINE,
            ),
        ),
        cold=5,
    ),
)
