"""Methods, target forms and framing: refused at once, and bytes behind a refused request are never another one."""

from __future__ import annotations

import pytest
from fakes.wire import Wire, WireError
from web.site import LOCALHOST, Site, codes

_SMUGGLED = b"GET /v2/a/b/manifests/v1 HTTP/1.1\r\n" + LOCALHOST + b"\r\n"


async def _until_closed(site: Site, raw: bytes) -> bytes:
    async with await Wire.connect(site.proxy.url) as wire:
        await wire.send(raw)
        try:
            return await wire.reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: +5\r\n\r\nabcde",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: 5, 5\r\n\r\nabcde",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: -1\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: 0x5\r\n\r\nabcde",
        b"POST /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Transfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nabcde\r\n0\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"X: a\r\n b\r\n\r\n",
        b"GET /v2/ HTTP/1.1\nHost: localhost\n\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + LOCALHOST + b"\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"host: evil.test\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n\r\n",
        b"GET /v2/ HTTP/1.0\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"X: a\x00b\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"X\x00: a\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"no colon\r\n\r\n",
        b"GET /v2/\x00 HTTP/1.1\r\n" + LOCALHOST + b"\r\n",
        b"GET /v2/\x7f HTTP/1.1\r\n" + LOCALHOST + b"\r\n",
        b"GET /v2/\xff HTTP/1.1\r\n" + LOCALHOST + b"\r\n",
        b"GET /v2/ a HTTP/1.1\r\n" + LOCALHOST + b"\r\n",
        b"get /v2/ HTTP/1.1\r\n" + LOCALHOST + b"\r\n",
        b"FETCH /v2/ HTTP/1.1\r\n" + LOCALHOST + b"\r\n",
        b"GET /v2/ HTTP/3.0\r\n" + LOCALHOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /v2/\r\n\r\n",
    ],
)
async def test_malformed_requests(site: Site, head: bytes) -> None:
    """What is no well-formed request is a 400 and the end of the connection; what follows is not read as one."""
    before = site.files()
    received = await _until_closed(site, head + _SMUGGLED)
    assert received.split(b" ", 2)[1] == b"400"
    assert received.count(b"\r\nDate:") == 1
    await site.untouched(before)


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE", "TRACE", "OPTIONS", "LINK", "PROPFIND"])
@pytest.mark.parametrize("target", ["/v2/", "/v2/a/b/manifests/v1", "/v2/a/b/blobs/uploads/", "/", "/-/health"])
async def test_methods(site: Site, method: str, target: str) -> None:
    """Only reading is served; the answer says what may be done, where to write instead, and comes at once."""
    before = site.files()
    answer = await site.ask(target, ("Content-Length", "1000000"), method=method)
    assert answer.status == 405
    assert answer.header("Allow") == "GET, HEAD"
    assert b"push or publish to the registry itself" in answer.body
    assert not target.startswith("/v2/") or codes(answer) == ["UNSUPPORTED"]
    await site.untouched(before)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"OPTIONS * HTTP/1.1\r\n" + LOCALHOST, 405),
        (b"GET * HTTP/1.1\r\n" + LOCALHOST, 400),
        (b"GET http://localhost/v2/ HTTP/1.1\r\n" + LOCALHOST, 400),
        (b"GET http://evil.test/v2/ HTTP/1.1\r\n" + LOCALHOST, 400),
        (b"GET https://localhost/v2/a/b/manifests/v1 HTTP/1.1\r\n" + LOCALHOST, 400),
        (b"GET http://localhost/v2/ HTTP/1.1\r\nHost: evil.test\r\n", 421),
        (b"CONNECT localhost:443 HTTP/1.1\r\n" + LOCALHOST, 405),
        (b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n", 421),
        (b"GET //localhost/v2/ HTTP/1.1\r\n" + LOCALHOST, 404),
        (b"GET //v2/a/b/manifests/v1 HTTP/1.1\r\n" + LOCALHOST, 404),
        (b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n", 400),
        (b"GET /v2/a/b/manifests/v1 HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: 5\r\n", 400),
        (b"GET /v2/a/b/manifests/v1 HTTP/1.1\r\n" + LOCALHOST + b"Transfer-Encoding: chunked\r\n", 400),
    ],
)
async def test_forms_that_are_not_served(site: Site, head: bytes, status: int) -> None:
    """No forward proxy, no tunnel, no upgrade, no body: refused without waiting for more."""
    before = site.files()
    (answer,) = await site.send(head + b"\r\n")
    assert answer.status == status
    await site.untouched(before)


async def test_a_body_is_no_second_request(site: Site) -> None:
    """The declared body of a refused request is dropped, whatever it looks like."""
    length = len(_SMUGGLED)
    head = b"POST /v2/a/b/blobs/uploads/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: %d\r\n\r\n" % length
    answers = await site.send(head, _SMUGGLED, b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Connection: close\r\n\r\n")
    assert [answer.status for answer in answers] == [405, 200]
    assert site.upstream.requests == []


async def test_nothing_is_expected_of_a_body(site: Site) -> None:
    """A client that waits for `100 Continue` gets its refusal instead."""
    head = b"PUT /v2/a/b/manifests/v1 HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    (answer,) = await site.send(head)
    assert answer.status == 405


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Content-Length: 0\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n"
        + LOCALHOST
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: LocalHost:80\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Origin: http://localhost\r\n\r\n",
    ],
)
async def test_what_clients_do_send(site: Site, head: bytes) -> None:
    """Oddities of real clients are served, and their connection stays usable."""
    async with await Wire.connect(site.proxy.url) as wire:
        await wire.send(head)
        assert (await wire.answer()).status == 200
        await wire.request("GET", "/v2/")
        assert (await wire.answer()).status == 200


async def test_http_1_0(site: Site) -> None:
    """An old client with a Host is served, and its connection closed."""
    async with await Wire.connect(site.proxy.url) as wire:
        await wire.send(b"GET /v2/ HTTP/1.0\r\n" + LOCALHOST + b"\r\n")
        assert (await wire.answer()).status == 200
        assert await wire.closed()


async def test_a_cut_head(site: Site) -> None:
    """A head that never ends is no request."""
    async with await Wire.connect(site.proxy.url) as wire:
        await wire.send(b"GET /v2/a/b/manifests/v1 HTTP/1.1\r\n" + LOCALHOST)
        wire.writer.write_eof()
        with pytest.raises(WireError):
            await wire.answer()
    assert site.upstream.requests == []
