"""Web pages in somebody's browser, rebound names, and clients from elsewhere."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from web.site import LOCALHOST, Site, codes, serving

from proxy.core.errors import Forbidden, Misdirected
from proxy.web.door import Door

_MANIFEST = "/v2/a/b/manifests/v1"


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:{port}",
        "0.0.0.0:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "[::ffff:7f00:1]",
        "[::]:{port}",
        "[0:0:0:0:0:0:0:1]",
        "localhost.evil.test",
        "localhost.",
        "localhost.:{port}",
        "127.0.0.1:{port}.evil",
        "127.0.0.1.evil.test",
        "127.1",
        "2130706433",
        "localhost:80:80",
        "localhost:x",
        "localhost:-1",
        "localhost:٨٠",
        "user@localhost",
        "localhost@evil.test",
        "localhost/",
        "localhost,evil.test",
        "::1",
        "[::1",
        "",
        "http://localhost",
    ],
)
@pytest.mark.parametrize("target", [_MANIFEST, "/-/health"])
async def test_other_hosts(site: Site, host: str, target: str) -> None:
    """A Host that is not ours is 421 before anything is looked up: a rebound page reads nothing."""
    before = site.files()
    line = f"Host: {host.format(port=site.proxy.url.rpartition(':')[2])}\r\n".encode()
    (answer,) = await site.send(b"GET " + target.encode() + b" HTTP/1.1\r\n" + line + b"\r\n")
    assert answer.status == 421
    await site.untouched(before)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "LocalHost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:80"]
)
async def test_own_hosts(site: Site, host: str) -> None:
    """Our names are ours on any port and in any case."""
    assert (await site.ask("/v2/", ("Host", host))).status == 200


async def test_allowed_hosts(tmp_path: Path) -> None:
    """A configured name is accepted beside localhost; what only begins or ends like it is not."""
    async with serving(tmp_path, allowed_hosts=("Cache.Example.com",)) as site:
        assert (await site.ask("/v2/", ("Host", "cache.example.com:8080"))).status == 200
        assert (await site.ask("/v2/", ("Host", "localhost"))).status == 200
        for host in ("example.com", "x.cache.example.com", "cache.example.com.evil.test"):
            assert (await site.ask("/v2/", ("Host", host))).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")],
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "Cross-Site")],
        [("Sec-Fetch-Site", "")],
        [("Origin", "http://evil.test")],
        [("Origin", "null")],
        [("Origin", "")],
        [("Origin", "https://localhost")],
        [("Origin", "http://localhost.evil.test")],
        [("Origin", "http://localhost:1")],
        [("Origin", "http://evil.test"), ("Sec-Fetch-Site", "same-origin")],
        [("Origin", "http://localhost"), ("Sec-Fetch-Site", "cross-site")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_cross_site_requests(site: Site, method: str, headers: list[tuple[str, str]]) -> None:
    """What a browser marks as another site's is 403, reading included, and no answer lets a page read it."""
    before = site.files()
    preflight = [("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Private-Network", "true")]
    answer = await site.ask(_MANIFEST, ("Host", "localhost"), *headers, *preflight, method=method)
    assert answer.status == 403
    assert not [name for name, _ in answer.head.headers if name.lower().startswith("access-control-")]
    assert method == "HEAD" or codes(answer) == ["DENIED"]
    await site.untouched(before)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")],
        [("Sec-Fetch-Site", "same-origin")],
        [("Origin", "http://localhost"), ("Sec-Fetch-Site", "same-origin")],
        [("Origin", "HTTP://LOCALHOST")],
    ],
)
async def test_own_pages_and_no_pages(site: Site, headers: list[tuple[str, str]]) -> None:
    """Typed addresses, our own pages and clients that are no browser are let in."""
    assert (await site.ask(_MANIFEST, ("Host", "localhost"), *headers)).status == 200


@pytest.mark.parametrize(
    ("target", "mode", "status"), [("/", "navigate", 404), ("/", "no-cors", 403), ("/?x", "navigate", 403)]
)
async def test_following_a_link_to_the_front_page(site: Site, target: str, mode: str, status: int) -> None:
    """A person may follow a link to the front page and to nothing else."""
    answer = await site.ask(target, ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", mode))
    assert answer.status == status


async def test_refusals_come_in_order(site: Site) -> None:
    """The name is judged before the method: a rebound page learns nothing about what is served."""
    (answer,) = await site.send(b"POST /v2/ HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 9\r\n\r\n")
    assert answer.status == 421
    (answer,) = await site.send(b"POST /v2/ HTTP/1.1\r\n" + LOCALHOST + b"Origin: http://evil.test\r\n\r\n")
    assert answer.status == 403


class _From:
    """A transport that says where a client is."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._address, 1) if name == "peername" and self._address is not None else default


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.1.7", True),
        ("::ffff:192.168.1.7", True),
        ("fd12::7", True),
        ("192.168.2.7", False),
        ("::ffff:192.168.2.7", False),
        ("10.0.0.1", False),
        ("8.8.8.8", False),
        ("fd13::7", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_clients(address: str, admitted: bool) -> None:
    """Loopback and the configured networks, mapped addresses as what they are; nobody else, however often."""
    door = Door(allowed_hosts=(), allow=(ip_network("192.168.1.0/24"), ip_network("fd12::/16")))
    for _ in range(2):
        request = make_mocked_request("GET", "/v2/", {"Host": "localhost"}, transport=_From(address))
        if admitted:
            door.admit(request)
        else:
            with pytest.raises(Forbidden):
                door.admit(request)


def test_a_client_s_address_does_not_replace_the_name() -> None:
    """An admitted client still has to ask by a name of ours."""
    door = Door(allowed_hosts=(), allow=(ip_network("0.0.0.0/0"),))
    request = make_mocked_request("GET", "/v2/", {"Host": "evil.test"}, transport=_From("8.8.8.8"))
    with pytest.raises(Misdirected):
        door.admit(request)
