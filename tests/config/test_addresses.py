"""Hosts, origins, URLs and networks."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.addresses import (
    authority_of,
    canonical_authority,
    canonical_host,
    canonical_origin,
    canonical_origin_or_host,
    canonical_url,
    is_loopback,
    is_plain_beyond_loopback,
    origin_of,
    parse_network,
)


@pytest.mark.parametrize(
    ("rule", "written", "canonical"),
    [
        (canonical_host, "GHCR.io", "ghcr.io"),
        (canonical_host, "my_registry", "my_registry"),
        (canonical_host, "127.0.0.1", "127.0.0.1"),
        (canonical_host, "FD00:0::1", "[fd00::1]"),
        (canonical_host, "[::1]", "[::1]"),
        (canonical_authority, "Registry.LAN:05000", "registry.lan:5000"),
        (canonical_authority, "[0::1]:5000", "[::1]:5000"),
        (canonical_authority, "[::1]", "[::1]"),
        (canonical_url, "HTTPS://GHCR.io/", "https://ghcr.io"),
        (canonical_url, "https://ghcr.io:443", "https://ghcr.io"),
        (canonical_url, "http://ghcr.io:443", "http://ghcr.io:443"),
        (canonical_url, "http://[::1]:80", "http://[::1]"),
        (canonical_url, "https://h/Artifactory/api//", "https://h/Artifactory/api"),
        (canonical_origin, "https://Auth.Example.com/", "https://auth.example.com"),
        (canonical_origin_or_host, "https://a:8443", "https://a:8443"),
        (canonical_origin_or_host, "A.example:8443", "a.example:8443"),
    ],
)
def test_brings_an_address_to_one_spelling(rule: Callable[[str], str], written: str, canonical: str) -> None:
    """Case, default ports and short forms do not make a difference, and the result stays as it is."""
    assert rule(written) == canonical
    assert rule(canonical) == canonical


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        *[(canonical_host, text) for text in ["", "*", "*.lan", "a:80", "a b", "a/b", "-a", "a-", "a..b", "a."]],
        *[(canonical_host, text) for text in ["1.2.3", "300.1.1.1", "[a]", "[::1", "::1]", "fe80::1%eth0", "ü.de"]],
        *[(canonical_host, text) for text in ["a" * 64, "a." * 127 + "ab", "a\n", "user@host"]],
        *[(canonical_authority, text) for text in ["a:", "a:0", "a:65536", "a:x", "::1", "fd00::1:5000", ":80"]],
        *[(canonical_authority, text) for text in ["a:8080:90", "a:+80", "a:٨٠", "[::1]x:80"]],
        *[(canonical_url, text) for text in ["", "ghcr.io", "ftp://a", "//a", "https:a", "https://", "https:///a"]],
        *[
            (canonical_url, text)
            for text in ["https://u:p@a", "https://@a", "https://a?b", "https://a#b", "https://a?"]
        ],
        *[
            (canonical_url, text)
            for text in ["https://a/..", "https://a/./b", "https://a//b", "https://a/%2e", " https://a"]
        ],
        *[
            (canonical_url, text)
            for text in ["https://a\\b", "https://a/b\\c", "https://a/b c", "https://a/b\n", "https://a:x"]
        ],
        *[(canonical_origin, text) for text in ["https://a/b", "a", "a:80"]],
    ],
)
def test_refuses_a_wrong_address(rule: Callable[[str], str], written: str) -> None:
    """What is no address of the kind is a ValueError whose clause follows a key's name."""
    with pytest.raises(ValueError, match=r"^must "):
        rule(written)


@given(st.sampled_from([canonical_host, canonical_authority, canonical_url, canonical_origin]), st.text())
def test_any_text_is_one_spelling_or_refused(rule: Callable[[str], str], text: str) -> None:
    """No text leads to anything but a stable, lower-case ASCII spelling or a ValueError."""
    try:
        canonical = rule(text)
    except ValueError:
        return
    assert rule(canonical) == canonical
    assert canonical.isascii()


def test_takes_a_url_apart() -> None:
    """The authority and the origin leave the path out."""
    assert authority_of("https://h:8443/a/b") == "h:8443"
    assert origin_of("https://h:8443/a/b") == "https://h:8443"


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("[fd00::1]:5000", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
    ],
)
def test_knows_this_machine(authority: str, expected: bool) -> None:
    """Loopback is told by the spelling alone, and look-alike names are not it."""
    assert is_loopback(authority) is expected
    assert is_plain_beyond_loopback(f"http://{authority}/x") is not expected
    assert not is_plain_beyond_loopback(f"https://{authority}")


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.168.1.7", "fd00::/8", "::/0"])
def test_reads_a_network(text: str) -> None:
    """CIDR notation and single addresses are networks, and a network stays itself."""
    assert parse_network(text) == ip_network(text)
    assert parse_network(ip_network(text)) == ip_network(text)


@pytest.mark.parametrize("value", ["", "lan", "10.0.0.0/33", 10, b"\x0a\x00\x00\x00", None, True])
def test_refuses_what_is_no_network(value: object) -> None:
    """Numbers and bytes, which the standard library would take, are refused like any other value."""
    with pytest.raises(ValueError, match=r"must be a network"):
        parse_network(value)


def test_says_how_to_write_a_network_with_host_bits() -> None:
    """An address inside the network is a common slip and gets the right spelling."""
    with pytest.raises(ValueError, match=r"write 10\.0\.0\.0/8$"):
        parse_network("10.1.2.3/8")
