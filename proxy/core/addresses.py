"""Classes of network addresses: how far a source or its redirects may reach.

A redirect may lead to the same or a more public class than the source's own. Link-local and metadata
addresses are never reached: they hand out credentials to whoever asks (GO-2025-3968, CVE-2026-111590).
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class Reach(IntEnum):
    """Ordered from the most public to the most private; FORBIDDEN is nobody's."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    FORBIDDEN = 3


_METADATA = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ip_network("64:ff9b::/96")
# Carrier-grade NAT: neither "private" nor "global" to the standard library.
_SHARED = ip_network("100.64.0.0/10")
# Deprecated by RFC 3879, and "global" to the standard library, but still nobody's public address.
_SITE_LOCAL = ip_network("fec0::/10")


def classify(text: str) -> Reach:
    """The class of a literal address, seen through IPv4-mapped, 6to4, Teredo and NAT64 forms."""
    try:
        address = _unwrapped(ip_address(text.partition("%")[0]))
    except ValueError:
        return Reach.FORBIDDEN
    if address.is_loopback:
        return Reach.LOOPBACK
    # Reserved ones hold further spellings of IPv4 addresses: IPv4-compatible, translated, local NAT64.
    if address in _METADATA or address.is_link_local or address.is_unspecified or address.is_multicast:
        return Reach.FORBIDDEN
    if address.is_reserved:
        return Reach.FORBIDDEN
    if address.is_private or address in _SHARED or address in _SITE_LOCAL:
        return Reach.PRIVATE
    return Reach.PUBLIC if address.is_global else Reach.FORBIDDEN


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
