"""containerd: HEAD by tag, then everything by digest, with `ns`; big layers in several ranges at once.

With `override_path` the mirror's address has a path, so the registry's name stands there and in `ns` as well
(containerd, core/remotes/docker: resolver.go, fetcher.go).
"""

from __future__ import annotations

from e2e.clients.script import ALL_TYPES, ALPINE_TAG, Blob, Client, Manifest, Step, Together

_AGENT = (("User-Agent", "containerd/2.1.4"),)
_ANY = (("Accept", ", ".join((*ALL_TYPES, "*/*"))), *_AGENT)
_CODINGS = (("Accept-Encoding", "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5"), *_AGENT)
_HALF = 350_000


def _client(name: str, prefix: str) -> Client:
    image = "alpine.images[0]"
    layer = f"{image}.layers[1]"

    def manifest(method: str, reference: str, part: str) -> Step:
        return Step(
            method, f"{prefix}/manifests/{reference}?ns=docker.io", Manifest(part), _ANY, 200, namespace="docker.io"
        )

    def blob(part: str, span: str | None = None, start: int = 0, stop: int | None = None) -> Step:
        return Step(
            "GET",
            f"{prefix}/blobs/{{{part}.digest}}?ns=docker.io",
            Blob(part, start, stop),
            _CODINGS if span is None else (*_CODINGS, ("Range", span)),
            200 if span is None else 206,
            namespace="docker.io",
        )

    steps = (
        manifest("HEAD", ALPINE_TAG, "alpine.manifest"),
        manifest("GET", "{alpine.manifest.digest}", "alpine.manifest"),
        manifest("GET", f"{{{image}.manifest.digest}}", f"{image}.manifest"),
        Together((blob(f"{image}.config"), blob(f"{image}.layers[0]"))),
        Together((blob(layer, "bytes=0-"), blob(layer, f"bytes=0-{_HALF - 1}", 0, _HALF))),
        Together((blob(layer, f"bytes={_HALF}-", _HALF), blob(layer, f"bytes={_HALF}-{_HALF}", _HALF, _HALF + 1))),
    )
    return Client(name, steps, cold=6)


CLIENTS = (
    _client("containerd with ns", "/v2/library/alpine"),
    _client("containerd with ns and a path", "/v2/docker.io/library/alpine"),
)
