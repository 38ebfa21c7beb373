"""What clients get wrong: a clear answer, nothing asked upstream, nothing on disk."""

from __future__ import annotations

import pytest
from fakes.wire import Wire
from web.site import LOCALHOST, Site, codes

from proxy.core.names import is_tag

_SLOTS = [
    "/v2/{}/manifests/v1",
    "/v2/a/{}/manifests/v1",
    "/v2/a/b/manifests/{}",
    "/v2/a/b/blobs/{}",
    "/{}/a",
    "/v2/{}",
]
_TRAVERSALS = [
    "..",
    "%2e%2e",
    "%2E%2e%2f",
    "..%2f",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%252e%252e",
    "..%5c",
    "\\",
    "%5c",
    "%00",
    "%0d%0a",
    "%c0%ae",
    "/x",
    "./x",
    "%2e/x",
    ";",
    "a;b",
    "a.",
    "a%20",
    "%20",
    "CON",
    "x" * 300,
    "%ff",
    "%",
    "%zz",
    "%e2%80%ae",
    "A%CC%81",
    "*",
    "~",
    "@",
    "sha256:../../../etc/passwd",
]
_BAD_DIGESTS = [
    "sha256:" + "A" * 64,
    "sha256:" + "a" * 63,
    "sha256:" + "a" * 65,
    "sha256:",
    "sha256:..",
    "md5:" + "a" * 32,
    "sha384:" + "a" * 96,
    "SHA256:" + "a" * 64,
    "sha256:" + "%D9%A3" * 64,
    "latest",
    "",
]


@pytest.mark.parametrize("slot", _SLOTS)
async def test_odd_paths(site: Site, slot: str) -> None:
    """Traversals, controls and names of no repository are 400 or 404 in every place of a path; nothing is touched."""
    before = site.files()
    for text in _TRAVERSALS:
        if slot.endswith("manifests/{}") and is_tag(text):
            continue
        answer = await site.ask(slot.format(text))
        assert answer.status in {400, 404}, text
        assert answer.complete
        if slot.startswith("/v2/"):
            assert codes(answer), text
    await site.untouched(before)


@pytest.mark.parametrize("action", ["blobs", "manifests", "referrers"])
async def test_wrong_digests(site: Site, action: str) -> None:
    """A wrong digest is a 400 with its own code; without a colon it is a tag, where tags are."""
    before = site.files()
    for digest in _BAD_DIGESTS:
        if action == "manifests" and ":" not in digest:
            continue
        answer = await site.ask(f"/v2/a/b/{action}/{digest}")
        assert (answer.status, codes(answer)) == (400, ["DIGEST_INVALID"]), digest
    await site.untouched(before)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?n=1000000000000000000000", 200),
        ("?n=-1", 400),
        ("?n=abc", 400),
        ("?n=1e18", 400),
        ("?n=", 400),
        ("?last=" + "x" * 5_000, 400),
        ("?last=" + "x" * 3000, 200),
        ("?ns=evil.example", 404),
        ("?ns=169.254.169.254", 404),
        ("?ns=evil.example%2F%2F", 404),
        ("?" + "&".join(f"a{number}=1" for number in range(40)), 400),
    ],
)
async def test_odd_queries(site: Site, query: str, status: int) -> None:
    """Counts and markers are checked, hosts are looked up and never dialled; all that is asked is the one source."""
    answer = await site.ask("/v2/a/b/tags/list" + query)
    assert answer.status == status
    assert codes(answer) if status != 200 else site.upstream.count() == 1
    if status != 200:
        assert site.upstream.requests == []


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n" + LOCALHOST, {400}),
        (b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\n" + LOCALHOST, {400}),
        (b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"".join(b"X%d: a\r\n" % n for n in range(200)), {400, 431}),
        (b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"X: " + b"a" * 20_000 + b"\r\n", {400, 431}),
        (b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Cookie: " + b"a" * 9_000 + b"\r\n", {400, 431}),
    ],
)
async def test_big_heads(site: Site, head: bytes, statuses: set[int]) -> None:
    """Long targets, many headers and long ones are refused."""
    before = site.files()
    (answer,) = await site.send(head + b"\r\n")
    assert answer.status in statuses
    await site.untouched(before)


async def test_many_requests_at_once(site: Site) -> None:
    """2,000 requests in one go are answered in their order."""
    async with await Wire.connect(site.proxy.url) as wire:
        for number in range(2000):
            wire.writer.write(b"GET /v2/odd-%d HTTP/1.1\r\n" % number + LOCALHOST + b"\r\n")
            wire.writer.write(b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"\r\n")
            if number % 100 == 99:
                for _ in range(100):
                    assert (await wire.answer()).status == 404
                    assert (await wire.answer()).status == 200
    assert site.upstream.requests == []


@pytest.mark.parametrize("tag", [".INVALID_MANIFEST_NAME", "a" * 129, "-x", "%2b"])
async def test_odd_tags(site: Site, tag: str) -> None:
    """A tag that cannot be is unknown, as clients expect, and nobody is asked."""
    before = site.files()
    answer = await site.ask(f"/v2/a/b/manifests/{tag}")
    assert (answer.status, codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    await site.untouched(before)


async def test_names_that_differ_in_case(site: Site) -> None:
    """`A/b` is no name at all, so it can never be mixed up with `a/b`; tags that differ in case are two."""
    assert (await site.ask("/v2/A/b/manifests/v1")).status == 400
    site.upstream.add_manifest(
        "a/b", b'{"schemaVersion":2,"config":{},"layers":[] }', "application/vnd.oci.image.manifest.v1+json", "V1"
    )
    lower, upper = await site.ask("/v2/a/b/manifests/v1"), await site.ask("/v2/a/b/manifests/V1")
    assert (lower.status, upper.status) == (200, 200)
    assert lower.body != upper.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_nothing_is_kept_of_what_is_missing(site: Site, method: str) -> None:
    """Content that its source does not have leaves no file: else a client could make any number of them."""
    before = site.files()
    digest = "sha256:" + "0" * 64
    for target in (f"blobs/{digest}", f"manifests/{digest}", "manifests/none"):
        assert (await site.ask(f"/v2/a/b/{target}", method=method)).status == 404
    assert site.files() == before
