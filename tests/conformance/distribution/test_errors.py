"""The root of the API, wrong digests and names, and writing (spec.md, "Error Codes", "Determining Support")."""

from __future__ import annotations

import itertools

import pytest
from conformance.distribution.published import MODERN, REPOSITORY
from conformance.distribution.stage import Scene, error_code
from fakes.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREFIX = f"/v2/{MODERN}/{REPOSITORY}"
KNOWN_CODES = frozenset(
    f"{thing}_{wrong}"
    for thing, wrong in (
        ("BLOB", "UNKNOWN"),
        ("BLOB_UPLOAD", "INVALID"),
        ("BLOB_UPLOAD", "UNKNOWN"),
        ("DIGEST", "INVALID"),
        ("MANIFEST", "BLOB_UNKNOWN"),
        ("MANIFEST", "INVALID"),
        ("MANIFEST", "UNKNOWN"),
        ("NAME", "INVALID"),
        ("NAME", "UNKNOWN"),
        ("SIZE", "INVALID"),
    )
) | {"UNAUTHORIZED", "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"}

WRITES = (
    ("POST", "/blobs/uploads/"),
    ("PATCH", "/blobs/uploads/1"),
    ("PUT", "/manifests/latest"),
    ("DELETE", "/manifests/latest"),
    ("DELETE", "/blobs/sha256:" + "a" * 64),
)
WRONG_DIGESTS = (
    "sha256:totallywrong",
    "sha256:" + "A" * 64,
    "sha256:" + "a" * 63,
    "sha256:" + "a" * 65,
    "sha256:",
    "sha512:" + "a" * 64,
    "md5:" + "a" * 32,
    "sha384:" + "a" * 96,
    "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
    ":" + "a" * 64,
    "sha256:" + "a" * 64 + ":x",
)


async def test_the_root_asks_for_no_login(scene: Scene) -> None:
    """`ping`: 200 from us alone, without a challenge, so that no client looks for a credential."""
    before = scene.asked
    for method, target in itertools.product(("GET", "HEAD"), ("/v2/", "/v2")):
        answer = await scene.ask(method, target)
        assert answer.status == 200
        assert answer.header("Docker-Distribution-Api-Version") == "registry/2.0"
    assert scene.asked == before


@pytest.mark.parametrize("action", ["manifests", "blobs", "referrers"])
async def test_a_wrong_digest(scene: Scene, action: str) -> None:
    """`invalid-digest-format`: 400 with the code for digests, and no upstream hears of it."""
    before = scene.asked
    for method, digest in itertools.product(("GET", "HEAD"), WRONG_DIGESTS):
        answer = await scene.ask(method, f"{PREFIX}/{action}/{digest}")
        assert answer.status == 400, digest
        assert method == "HEAD" or error_code(answer) == "DIGEST_INVALID"
    assert scene.asked == before


async def test_a_wrong_digest_asked_with_a_body(scene: Scene) -> None:
    """The suite sends this GET with a body: 400 or 404 with a code that the specification knows."""
    async with await Wire.connect(scene.url) as wire:
        head = f"GET {PREFIX}/manifests/sha256:totallywrong HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n"
        await wire.send(head.encode() + b"blablabla")
        answer = await wire.answer()
    assert answer.status in {400, 404}
    assert error_code(answer) in KNOWN_CODES


@pytest.mark.parametrize("action", ["manifests/latest", "blobs/sha256:" + "a" * 64, "tags/list"])
async def test_a_wrong_name(scene: Scene, action: str) -> None:
    """A name outside the grammar is refused with a code for names, and no upstream hears of it."""
    before = scene.asked
    for name in ("UPPER", "a..b", "-a", "a-", "a//b", "a/_b", "a___b", "a" * 256):
        answer = await scene.get(f"/v2/{MODERN}/{name}/{action}")
        assert answer.status in {400, 404}, name
        assert error_code(answer) in {"NAME_INVALID", "NAME_UNKNOWN"}
    assert scene.asked == before


async def test_a_path_that_is_no_endpoint(scene: Scene) -> None:
    """What the API does not have is 404 in the API's own form."""
    before = scene.asked
    for path in ("", "/tags", "/tags/other", "/manifests/", "/_other", "/x/y"):
        answer = await scene.get(PREFIX + path)
        assert answer.status == 404, path
        assert error_code(answer) in KNOWN_CODES
    assert scene.asked == before


async def test_writing_is_not_supported(scene: Scene) -> None:
    """Pushing and deleting are 405 `UNSUPPORTED`, with what is allowed, and no upstream hears of it."""
    before = scene.asked
    for method, path in WRITES:
        answer = await scene.ask(method, PREFIX + path)
        assert answer.status == 405, path
        assert error_code(answer) == "UNSUPPORTED"
        assert answer.header("Allow") == "GET, HEAD"
    assert scene.asked == before


async def test_a_host_that_nobody_configured(scene: Scene) -> None:
    """A first component or an `ns` that names an unknown registry is 404, and is never dialled."""
    before = scene.asked
    for target in ("/v2/registry.invalid/a/b/tags/list", f"{PREFIX}/tags/list?ns=registry.invalid"):
        answer = await scene.get(target)
        assert answer.status == 404
        assert error_code(answer) == "NAME_UNKNOWN"
    assert scene.asked == before
