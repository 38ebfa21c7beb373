"""The check at connect: sockets are made for addresses of the right class only."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import AddrInfoType
from fakes.answers import Answer
from fakes.content import Held
from fakes.faults import Redirect
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.server import FakeOrigin
from pipeline.scene import PREFIX, error_of, get

from proxy.upstream.egress import EgressGuard, EgressRefused

_PUBLIC = "93.184.216.34"
_PRIVATE = ("10.1.2.3", "192.168.0.1", "172.16.0.1", "fd00::1", "100.64.0.1")
_LOOPBACK = ("127.0.0.1", "127.8.8.8", "::1")
_FORBIDDEN = (
    "169.254.169.254",
    "169.254.1.1",
    "fe80::1",
    "fe80::1%2",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
)


def _mapped(address: str) -> str:
    return f"::ffff:{address}"


def _info(address: str) -> AddrInfoType:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place: tuple[str, int] | tuple[str, int, int, int] = (address, 443)
    if family == socket.AF_INET6:
        place = (address, 443, 0, 0)
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place


def _admits(factory: Callable[[AddrInfoType], socket.socket], address: str) -> bool:
    try:
        factory(_info(address)).close()
    except EgressRefused:
        return False
    return True


def _guard(*own: str, host: str = "registry.test") -> EgressGuard:
    guard = EgressGuard(source="test", own_host=host)
    for address in own:
        assert _admits(guard.own_socket, address)
    return guard


@pytest.mark.parametrize("address", [*_FORBIDDEN, *map(_mapped, ("169.254.169.254", "0.0.0.0", "100.100.100.200"))])
def test_metadata_and_link_local_are_for_nobody(address: str) -> None:
    """By name, as a trusted place and as a redirect's target, in every spelling: no socket is made."""
    guard = _guard(_LOOPBACK[0])
    for factory in (guard.own_socket, guard.trusted_socket, guard.foreign_socket):
        assert not _admits(factory, address)


@pytest.mark.parametrize(
    ("own", "admitted"),
    [
        (_PUBLIC, (_PUBLIC,)),
        ("10.9.9.9", (_PUBLIC, *_PRIVATE)),
        ("127.0.0.1", (_PUBLIC, *_PRIVATE, *_LOOPBACK)),
    ],
)
def test_redirects_reach_the_sources_class_or_a_more_public_one(own: str, admitted: tuple[str, ...]) -> None:
    """Public sources lead to public places, private ones to those and private ones, local ones anywhere."""
    guard = _guard(own)
    every = (_PUBLIC, *_PRIVATE, *_LOOPBACK)
    assert tuple(address for address in every if _admits(guard.foreign_socket, address)) == admitted
    for address in (*_PRIVATE, *_LOOPBACK):
        if "." in address:
            assert _admits(guard.foreign_socket, _mapped(address)) == (address in admitted)
    assert all(_admits(guard.trusted_socket, address) for address in every)


def test_the_most_public_own_address_counts() -> None:
    """A name that is public once does not widen its reach by resolving to loopback afterwards."""
    guard = _guard(_PUBLIC, "127.0.0.1", "10.0.0.1")
    assert not _admits(guard.foreign_socket, "127.0.0.1")
    assert not _admits(guard.foreign_socket, "10.0.0.1")


def test_a_configured_literal_is_meant() -> None:
    """An address that the user wrote is reached whatever its class, and still nothing else of that class is."""
    guard = _guard("169.254.7.7", host="169.254.7.7")
    assert not _admits(guard.foreign_socket, "169.254.7.8")


def test_the_refusal_says_what_to_write() -> None:
    """Its words name the source and the setting, and are the same for every address of a name."""
    guard = _guard(_PUBLIC)
    messages = set()
    for address in ("127.0.0.1", "169.254.169.254"):
        with pytest.raises(EgressRefused) as refused:
            guard.foreign_socket(_info(address))
        messages.add(str(refused.value))
    (message,) = messages
    assert "source test" in message
    assert "trusted_redirects" in message


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2::254]",
        "0.0.0.0:{port}",
        "[::]:{port}",
        "0x0.0:{port}",
        "[::ffff:0.0.0.0]:{port}",
        "224.0.0.1",
    ],
)
async def test_a_redirect_to_a_forbidden_address_is_refused(host: str, tmp_path: Path) -> None:
    """Even from a local source: 502 in words, and where something listens it sees no connection."""
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        digest = upstream.add_blob("team/app", b"content")
        place = host.replace("{port}", other.host.rpartition(":")[2])
        upstream.always("/v2/", Redirect(f"http://{place}/latest/meta-data?key=hidden"))
        async with running(tmp_path, source(upstream.url)) as proxy:
            for target in (f"blobs/{digest}", "manifests/v1", "tags/list"):
                answer = await get(proxy.url, f"{PREFIX}/{target}")
                assert (answer.status, error_of(answer)[0]) == (502, "UNAVAILABLE")
                assert "trusted_redirects" in error_of(answer)[1]
                assert b"hidden" not in answer.body
        assert other.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:7f00:1]"])
async def test_a_local_source_may_lead_to_a_local_place(host: str, tmp_path: Path) -> None:
    """From loopback to loopback, however it is spelled: the blob comes."""
    blob = b"kept elsewhere"
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        digest = upstream.add_blob("team/app", blob)
        other.put("/blob", Answer(content=Held(blob)))
        upstream.always("/blobs/", Redirect(f"http://{host}:{other.host.rpartition(':')[2]}/blob"))
        async with running(tmp_path, source(upstream.url)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert (answer.status, answer.body) == (200, blob)


async def test_an_address_in_an_odd_form_is_refused(tmp_path: Path) -> None:
    """What only some libraries read as an address is an error before anything is resolved."""
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        digest = upstream.add_blob("team/app", b"content")
        for host in ("0", "127.1", "2130706433", "017700000001"):
            upstream.always("/v2/", Redirect(f"http://{host}:{other.host.rpartition(':')[2]}/blob"))
            async with running(tmp_path, source(upstream.url)) as proxy:
                assert (await get(proxy.url, f"{PREFIX}/blobs/{digest}")).status == 502
        assert other.connections == 0
