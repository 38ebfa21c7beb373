"""`component registry pull`: six pings, manifest, config, layer, the tags in a loop, and the referrers.

The loop asks for one tag behind the last that it knows until there is none, and never reads a Link: a registry
that ignores `last` holds it for ever (component-package-manager, src/oci/client.rs).
"""

from __future__ import annotations

from e2e.clients.script import ALL_TYPES, SIGNATURE, WASM_TAGS, Blob, Client, Manifest, Pong, Referrers, Step, Tags

_PACKAGE = "/v2/ghcr.io/webassembly/wasi/http"
_AGENT = (("User-Agent", "oci-client/0.16.1"), ("Accept-Encoding", "gzip"))
_ACCEPT = (("Accept", ", ".join(ALL_TYPES)), *_AGENT)
_PING = Step("GET", "/v2/", Pong(), _AGENT)
_SIGNED = Referrers((SIGNATURE,))

CLIENTS = (
    Client(
        "component",
        (
            _PING,
            Step("GET", f"{_PACKAGE}/manifests/0.2.1", Manifest("wasm.manifest"), _ACCEPT, status=200),
            _PING,
            Step("GET", f"{_PACKAGE}/blobs/{{wasm.config.digest}}", Blob("wasm.config"), _ACCEPT, status=200),
            _PING,
            Step("GET", f"{_PACKAGE}/blobs/{{wasm.layers[0].digest}}", Blob("wasm.layers[0]"), _ACCEPT, status=200),
            _PING,
            Step("GET", f"{_PACKAGE}/tags/list", Tags(WASM_TAGS), _AGENT, status=200),
            _PING,
            Step("GET", f"{_PACKAGE}/tags/list?n=1&last={WASM_TAGS[-1]}", Tags(()), _AGENT, status=200),
            _PING,
            Step("GET", f"{_PACKAGE}/referrers/{{wasm.manifest.digest}}", _SIGNED, _ACCEPT, status=200),
        ),
        cold=5,
    ),
)
