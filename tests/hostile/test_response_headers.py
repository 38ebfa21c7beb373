"""Heads made to confuse: refused, or stripped to what we say ourselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fakes.faults import Headers
from fakes.registry import FakeRegistry
from fakes.running import running, source
from pipeline.scene import PREFIX, SwiftClock, get, head, image_manifest, publish

_OURS = {
    "accept-ranges",
    "cache-status",
    "content-disposition",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-resource-policy",
    "date",
    "docker-content-digest",
    "docker-distribution-api-version",
    "etag",
    "server",
    "x-content-type-options",
    "x-request-id",
}
_EVIL = (
    *(("Set-Cookie", f"session{number}=stolen") for number in range(20)),
    ("WWW-Authenticate", 'Basic realm="give me your password"'),
    ("Proxy-Authenticate", "Basic"),
    ("Access-Control-Allow-Origin", "*"),
    ("Content-Security-Policy", "default-src *"),
    ("Content-Disposition", "inline"),
    ("X-Content-Type-Options", "sniff"),
    ("Clear-Site-Data", '"*"'),
    ("Refresh", "0; url=http://evil.example/"),
    ("Location", "http://evil.example/"),
    ("Link", '<http://evil.example/>; rel="preload"'),
    ("Server", "evil"),
    ("X-Request-Id", "evil"),
    ("Cache-Status", "evil; hit"),
    ("Cache-Control", "no-store"),
    ("Keep-Alive", "timeout=100000"),
    ("Trailer", "X-Evil"),
    ("Upgrade", "websocket"),
    ("Alt-Svc", 'h2="evil.example:443"'),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("OCI-Subject", "sha256:evil"),
    ("Warning", "evil"),
    ("X-Long", "x" * 20_000),
)


@asynccontextmanager
async def _server(head_bytes: bytes, body: bytes, *, once: bool = False) -> AsyncIterator[str]:
    """A server that answers with exactly these bytes and closes; rightly from the second time on if `once`."""
    good = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
    good += b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            sent = body if request.startswith(b"GET") else b""
            writer.write((good if once and served else head_bytes) + sent)
            served += 1
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("target", ["manifests/v1", "digest", "small", "large", "tags/list"])
async def test_only_our_headers_reach_the_client(target: str, tmp_path: Path) -> None:
    """Cookies, challenges, policies and everything else that an upstream adds end here, cold, warm and for HEAD."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        names = {
            "digest": f"manifests/{image.manifest_digest}",
            "small": f"blobs/{image.small_digest}",
            "large": f"blobs/{image.large_digest}",
        }
        upstream.always("/v2/", Headers(tuple(line for line in _EVIL if target != "tags/list" or line[0] != "Link")))
        for method in (head, get, get, head):
            answer = await method(proxy.url, f"{PREFIX}/{names.get(target, target)}")
            assert answer.status == 200
            assert {name.lower() for name, _ in answer.head.headers} <= _OURS
            assert "evil" not in str(answer.head)
            assert answer.header("Content-Disposition") == "attachment"
            assert answer.header("X-Content-Type-Options") == "nosniff"


_BODY = image_manifest("raw")
_LENGTH = b"Content-Length: %d\r\n" % len(_BODY)
_TYPE = b"Content-Type: application/vnd.oci.image.manifest.v1+json\r\n"


@pytest.mark.parametrize(
    "head_bytes",
    [
        b"HTTP/1.1 200 O\x00K\x1b[31m\r\n" + _TYPE + _LENGTH + b"\r\n",
        b"HTTP/1.1 200 \xff\xfe<script>\r\n" + _TYPE + _LENGTH + b"\r\n",
        b"HTTP/1.1 200\r\n" + _TYPE + _LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b"X-Nul: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b"X-Odd: a\rb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b"X-Fold: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b"no colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b": nameless\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n"
        + _TYPE
        + _LENGTH
        + b"".join(b"X-%d: y\r\n" % number for number in range(300))
        + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b"X-Long: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"y" * 1_000_000,
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b"Content-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + _LENGTH + b"Transfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + b"Content-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + b"Content-Length: 99999999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + b"Content-Length: \xd9\xa1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + _TYPE + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 999 ???\r\n\r\n",
        b"HTTP/1.1 99 ?\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n" + _TYPE + _LENGTH + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000,
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n\r\n",
        b"",
    ],
    ids=lambda value: repr(value[-40:]),
)
async def test_a_broken_head_is_right_bytes_or_an_error(
    head_bytes: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever stands in a head: the right bytes under our own headers or an error, and no surprise in the log."""
    async with (
        _server(head_bytes, _BODY) as url,
        running(tmp_path, source(url), clock=SwiftClock()) as proxy,
    ):
        for method in (get, head):
            answer = await method(proxy.url, f"{PREFIX}/manifests/v1")
            assert answer.status in {200, 502}
            assert answer.status != 200 or method is head or answer.body == _BODY
            assert {name.lower() for name, _ in answer.head.headers} <= _OURS
            assert answer.head.reason.isprintable()
    assert not [record for record in caplog.records if record.exc_info]


async def test_after_a_broken_head_the_source_is_as_good_as_ever(tmp_path: Path) -> None:
    """The next request is answered: no connection or state is left behind by nonsense."""
    async with (
        _server(b"HTTP/1.1 200 OK\r\n" + b"y" * 100_000, _BODY, once=True) as url,
        running(tmp_path, source(url), clock=SwiftClock()) as proxy,
    ):
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).status == 502
        assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == _BODY
