"""Address classes: every disguise of an address has the class of what it leads to."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.addresses import Reach, classify


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public(text: str) -> None:
    """Addresses of the internet."""
    assert classify(text) is Reach.PUBLIC


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "fd12::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "2002:a00:1::",
        "64:ff9b::a00:1",
        "198.18.0.1",
        "2001:db8::1",
    ],
)
def test_private(text: str) -> None:
    """Addresses inside somebody's network."""
    assert classify(text) is Reach.PRIVATE


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "2002:7f00:1::", "64:ff9b::7f00:1"],
)
def test_loopback(text: str) -> None:
    """This machine, however it is written."""
    assert classify(text) is Reach.LOOPBACK


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "169.254.1.1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b:1::7f00:1",
        "4000::1",
    ],
)
def test_forbidden(text: str) -> None:
    """Link-local, metadata, unspecified, multicast and reserved addresses are nobody's to reach."""
    assert classify(text) is Reach.FORBIDDEN


@pytest.mark.parametrize(
    "text",
    [
        "0x7f.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "127.0.0.1.",
        "localhost",
        "",
        "1.1.1.1 ",
        "[::1]",
        "\u0661.1.1.1",
    ],
)
def test_not_literal(text: str) -> None:
    """Spellings that only a resolver understands are refused, because it may understand them otherwise than we do."""
    assert classify(text) is Reach.FORBIDDEN


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_disguises_have_the_class_of_the_address(address: IPv4Address) -> None:
    """Mapped, 6to4 and NAT64 forms of any IPv4 address are classed like the address itself."""
    number = int(address)
    plain = classify(str(address))
    assert classify(f"::ffff:{address}") is plain
    assert classify(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1") is plain
    assert classify(f"64:ff9b::{address}") is plain
