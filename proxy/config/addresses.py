"""Hosts, origins and base URLs as the configuration writes them, brought to one spelling so that they compare.

Every function raises ValueError with a clause that follows the key's name; the value itself is never repeated,
because a URL may hold a password.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

DEFAULT_PORTS = {"http": 80, "https": 443}
HIGHEST_PORT = 65_535
_LONGEST_HOST = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")
_PORT = re.compile(r"[0-9]{1,5}")
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")


def canonical_host(text: str) -> str:
    """A host name or address without port, in lower case; IPv6 shortest and in brackets, as a Host header has it."""
    host = text.lower()
    if ":" in host:
        bracketed = host.startswith("[") and host.endswith("]")
        return f"[{_ipv6(host[1:-1] if bracketed else host)}]"
    if _DIGITS_AND_DOTS.fullmatch(host):
        try:
            return str(ip_address(host))
        except ValueError:
            raise ValueError("must be a host name or an IP address") from None
    if len(host) > _LONGEST_HOST or not _NAME.fullmatch(host):
        raise ValueError("must be a host name or an IP address: no scheme, path or wildcard")
    return host


def canonical_authority(text: str) -> str:
    """A host with or without a port; an IPv6 address needs its brackets here (RFC 3986 section 3.2.2)."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    elif not _PORT.fullmatch(port) or not 1 <= int(port) <= HIGHEST_PORT:
        raise ValueError("must be a host or host:port, with a port from 1 to 65535")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("must be a host or host:port, an IPv6 address in brackets")
    return canonical_host(host) + (f":{int(port)}" if port else "")


def canonical_url(text: str) -> str:
    """A base URL: http or https, no default port, no slash at the end; userinfo, query and fragment are refused."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise ValueError("must begin with https:// or http://")
    if "?" in rest or "#" in rest:
        raise ValueError("must not hold a query or a fragment")
    authority, _, path = rest.partition("/")
    if "@" in authority:
        raise ValueError("must not hold a user name or password: write them in the source's auth table")
    try:
        authority = canonical_authority(authority).removesuffix(f":{DEFAULT_PORTS[scheme]}")
    except ValueError:
        raise ValueError("must have a host name or IP address, with a port from 1 to 65535 if any") from None
    segments = path.rstrip("/").split("/") if path.rstrip("/") else []
    if any(part in {".", ".."} or not _PATH_SEGMENT.fullmatch(part) for part in segments):
        raise ValueError("must have a plain path: no dot segments, double slashes, escapes or blanks")
    return f"{scheme}://{authority}" + "".join(f"/{part}" for part in segments)


def canonical_origin(text: str) -> str:
    """A scheme, host and port without a path (RFC 6454 section 4); one slash at the end is forgiven."""
    url = canonical_url(text)
    if url != origin_of(url):
        raise ValueError("must be an origin such as https://auth.example.com, without a path")
    return url


def canonical_origin_or_host(text: str) -> str:
    """What a list of trusted places holds: an origin, or a host that is trusted with https."""
    return canonical_origin(text) if "://" in text else canonical_authority(text)


def authority_of(url: str) -> str:
    """The host, with the port unless it is the scheme's own, of a canonical URL."""
    return url.partition("://")[2].partition("/")[0]


def origin_of(url: str) -> str:
    """The origin of a canonical URL."""
    return f"{url.partition('://')[0]}://{authority_of(url)}"


def address_of(authority: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a canonical host, with or without port, spells out; None for a name."""
    host = authority[1 : authority.index("]")] if authority.startswith("[") else authority.partition(":")[0]
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(authority: str) -> bool:
    """Whether a canonical host, with or without port, is this machine by its spelling; nothing is looked up."""
    address = address_of(authority)
    return authority.partition(":")[0] == "localhost" if address is None else address.is_loopback


def is_plain_beyond_loopback(url: str) -> bool:
    """Whether what is sent to this canonical URL crosses a network unencrypted."""
    return url.startswith("http://") and not is_loopback(authority_of(url))


def parse_network(value: object) -> IPv4Network | IPv6Network:
    """Client addresses in CIDR notation (RFC 4632); a single address is a network of one."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if isinstance(value, str):
        try:
            return ip_network(value)
        except ValueError:
            pass
        try:
            right = ip_network(value, strict=False)
        except ValueError:
            pass
        else:
            raise ValueError(f"has bits set behind its prefix length: write {right}")
    raise ValueError("must be a network such as 192.168.0.0/16 or fd00::/8")


def _ipv6(text: str) -> IPv6Address:
    # A zone ("%eth0") means something on one machine only and stands in no URL.
    try:
        address = IPv6Address(text if "%" not in text else "")
    except ValueError:
        raise ValueError("must be a host name or an IP address, without a port") from None
    return address
