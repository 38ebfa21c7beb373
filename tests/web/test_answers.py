"""What every answer carries, and what none does."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from fakes.faults import Headers, Html200, Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.wire import WireAnswer, ask
from web.site import MANIFEST, OCI_INDEX, SMALL, Site, codes, serving

_GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Server": "moorage",
}
_ALLOWED = {
    *(name.lower() for name in _GUARDS),
    "content-disposition",
    "docker-distribution-api-version",
    "x-request-id",
    "content-type",
    "content-length",
    "date",
    "cache-status",
    "docker-content-digest",
    "etag",
    "accept-ranges",
    "content-range",
    "allow",
    "retry-after",
    "link",
    "warning",
    "oci-namespace",
    "oci-filters-applied",
    "connection",
}


def _check_headers(answer: WireAnswer, *, registry: bool = True) -> None:
    for name, value in _GUARDS.items():
        assert answer.head.all(name) == (value,)
    names = [name.lower() for name, _ in answer.head.headers]
    assert set(names) <= _ALLOWED
    assert len(names) == len(set(names))
    assert (answer.header("Content-Disposition") == "attachment") is registry


async def test_every_kind_of_answer(site: Site) -> None:
    """Content, lists, pings, errors and our own pages all carry the guards, and nothing but headers of ours."""
    site.upstream.always(
        "GET", Headers((("Set-Cookie", "a=b"), ("WWW-Authenticate", "Basic"), ("Access-Control-Allow-Origin", "*")))
    )
    for target, status in [
        ("/v2/", 200),
        ("/v2/a/b/manifests/v1", 200),
        (f"/v2/a/b/manifests/{site.manifest}", 200),
        (site.blob(site.small), 200),
        (site.blob(site.large), 200),
        ("/v2/a/b/tags/list?n=0", 200),
        (f"/v2/a/b/referrers/{site.manifest}?artifactType=x", 200),
        ("/v2/a/b/manifests/missing", 404),
        ("/v2/x.test/a/manifests/missing", 404),
        ("/v2/A/manifests/x", 400),
    ]:
        for method in ("GET", "HEAD", "GET"):
            answer = await site.ask(target, method=method)
            assert answer.status == status, target
            _check_headers(answer)
    for target, status in [("/-/health", 200), ("/-/ready", 200), ("/", 404), ("/favicon.ico", 404), ("/%00", 400)]:
        answer = await site.ask(target)
        assert answer.status == status
        assert (answer.header("Content-Type") or "").startswith("text/plain")
        _check_headers(answer, registry=False)


@pytest.mark.parametrize("refusal", [401, 403, 407, 429, 500, 502, 503])
async def test_failures_pass_nothing_on(site: Site, refusal: int) -> None:
    """An upstream's refusal reaches the client as an answer of ours: no challenge, no cookie, no page of its own."""
    foreign = (
        ("WWW-Authenticate", 'Basic realm="x"'),
        ("Set-Cookie", "a=b"),
        ("Location", "/x"),
        ("Retry-After", "7"),
    )
    site.upstream.always("/v2/", Status(refusal, foreign, b"<script>alert(1)</script>"))
    answer = await site.ask("/v2/a/b/manifests/v1")
    assert answer.status in {403, 429, 502}
    assert answer.status != 401
    assert codes(answer)
    assert b"script" not in answer.body
    _check_headers(answer)


async def test_errors_are_json_for_registry_clients(site: Site) -> None:
    """On `/v2/` an error is a document of the specification with code and message."""
    answer = await site.ask("/v2/a/b/manifests/missing")
    assert answer.header("Content-Type") == "application/json"
    (error,) = json.loads(answer.body)["errors"]
    assert error["code"] == "MANIFEST_UNKNOWN"
    assert error["message"]


async def test_errors_are_a_sentence_elsewhere(site: Site) -> None:
    """Beside `/v2/` an error is one line of plain text."""
    answer = await site.ask("/nothing")
    assert answer.status == 404
    assert answer.body.endswith(b"\n")
    assert answer.body.count(b"\n") == 1


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "/v2/a/b/blobs/sha256:" + "0" * 64, "BLOB_UNKNOWN"),
        ("GET", "/v2/a/b/manifests/none", "MANIFEST_UNKNOWN"),
        ("GET", "/v2/a/b/manifests/sha256:" + "0" * 64, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/none/tags/list", "NAME_UNKNOWN"),
        ("GET", "/v2/none/manifests/v1", "MANIFEST_UNKNOWN"),
        ("GET", "/v2/none.test/a/manifests/v1", "NAME_UNKNOWN"),
        ("GET", "/v2/A/manifests/v1", "NAME_INVALID"),
        ("GET", "/v2/a/blobs/x", "DIGEST_INVALID"),
    ],
)
async def test_codes(site: Site, method: str, target: str, code: str) -> None:
    """Each mistake and each thing that is not there has the specification's code."""
    assert codes(await site.ask(target, method=method)) == [code]


async def test_reason_phrases_of_failures(site: Site) -> None:
    """The status line of a 5xx says in our words what happened, for clients that show nothing else."""
    site.upstream.always("manifests/broken", Html200())
    answer = await site.ask("/v2/a/b/manifests/broken")
    assert (answer.status, answer.head.reason) == (502, "The source sent something wrong")


async def test_offline_reason(tmp_path: Path) -> None:
    """Offline and not held is a 504 whose status line says it, and the body names what is missing."""
    async with FakeRegistry() as upstream:
        settings = source(upstream.url, default=True)
        async with running(tmp_path / "data", settings, cache={"offline": True}) as proxy:
            answer = await ask(proxy.url, "/v2/a/b/manifests/v1")
        assert (answer.status, answer.head.reason) == (504, "Offline and not cached")
        assert b"/v2/a/b/manifests/v1" in answer.body
        assert upstream.requests == []


async def test_one_request_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The id in the answer is the one in the log of failures and on the one access line; each request has its own."""
    with caplog.at_level(logging.WARNING):
        async with serving(tmp_path) as site:
            site.upstream.always("manifests/broken", Html200())
            answer = await site.ask("/v2/a/b/manifests/broken?secret=1")
            other = await site.ask("/v2/a/b/manifests/broken")
    found = answer.header("X-Request-Id")
    assert found
    assert found != other.header("X-Request-Id")
    assert [record for record in caplog.records if f"request {found}" in record.getMessage()]
    lines = site.proxy.access.getvalue().splitlines()
    assert len(lines) == 2
    assert " GET /v2/a/b/manifests/broken 502 " in lines[0]
    assert lines[0].endswith(f"id={found}")


async def test_the_client_s_own_credentials_are_ignored(site: Site) -> None:
    """Authorization and Cookie of a client go nowhere and change nothing: all clients share one copy."""
    secret = ("Authorization", "Basic Y2FuYXJ5OmNhbmFyeQ=="), ("Cookie", "canary=1"), ("X-Forwarded-For", "canary")
    first = await site.ask("/v2/a/b/manifests/v1", *secret)
    second = await site.ask("/v2/a/b/manifests/v1")
    assert first.body == second.body == MANIFEST
    assert second.header("Cache-Status") == "moorage; hit"
    assert len(site.upstream.requests) == 1
    assert "canary" not in repr(site.upstream.requests).lower()
    assert "y2fuyxj5" not in repr(site.upstream.requests).lower()


async def test_the_namespace_is_answered(site: Site) -> None:
    """`OCI-Namespace` repeats the `ns` that chose the source."""
    answer = await site.ask(f"/v2/a/b/manifests/v1?ns={site.upstream.host.replace(':', '%3A')}")
    assert answer.header("OCI-Namespace") == site.upstream.host
    assert (await site.ask("/v2/a/b/manifests/v1")).header("OCI-Namespace") is None


async def test_the_upstream_s_name_for_a_blob_is_not_believed(site: Site) -> None:
    """A blob that its source calls a page, or an index, is plain bytes to every client."""
    for media_type in ("text/html", OCI_INDEX):
        site.upstream.always("blobs", Headers((("Content-Type", media_type),)))
        answer = await site.ask(site.blob(site.small))
        assert (answer.header("Content-Type"), answer.body) == ("application/octet-stream", SMALL)


@pytest.mark.parametrize("media_type", ["application/json", "application/octet-stream", "text/plain"])
async def test_a_head_of_a_manifest_without_a_type(site: Site, media_type: str) -> None:
    """A manifest whose source tells no usable type is there for HEAD as it is for GET, under the same type."""
    site.upstream.always("manifests", Headers((("Content-Type", media_type),)))
    accept = ("Accept", "application/vnd.oci.image.manifest.v1+json")
    head = await site.ask("/v2/a/b/manifests/v1", accept, method="HEAD")
    whole = await site.ask("/v2/a/b/manifests/v1", accept)
    assert (head.status, whole.status) == (200, 200)
    assert head.header("Content-Type") == whole.header("Content-Type") == "application/vnd.oci.image.manifest.v1+json"
