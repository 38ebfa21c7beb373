"""The check at connect: which addresses a source's connections may go to.

Names are checked as the addresses they resolve to, at the moment of connecting: a resolver hook is never called
for literal addresses, and a name may answer differently the next time (measured; DNS rebinding).
"""

from __future__ import annotations

import socket

from aiohttp import AddrInfoType

from proxy.core.addresses import Reach, classify


class EgressRefused(OSError):
    """An address that this connection must not go to."""


class EgressGuard:
    """Remembers how public the source's own addresses are, and holds redirects to that or better."""

    def __init__(self, *, source: str, own_host: str) -> None:
        self._source = source
        # An address that was configured literally is meant, whatever its class.
        self._literal = classify(own_host.strip("[]")) is Reach.FORBIDDEN and _is_literal(own_host)
        self._own_reach = Reach.LOOPBACK
        self._seen = False

    def own_socket(self, address: AddrInfoType) -> socket.socket:
        """A socket towards the source's own or an explicitly trusted origin."""
        reach = classify(address[4][0])
        if reach is Reach.FORBIDDEN and not self._literal:
            raise self._refusal()
        self._own_reach = min(self._own_reach, reach) if self._seen else reach
        self._seen = True
        return _socket(address)

    def trusted_socket(self, address: AddrInfoType) -> socket.socket:
        """A socket towards an origin that the configuration names beside the source."""
        if classify(address[4][0]) is Reach.FORBIDDEN:
            raise self._refusal()
        return _socket(address)

    def foreign_socket(self, address: AddrInfoType) -> socket.socket:
        """A socket towards where the source sent us: only to its own class of address or a more public one."""
        if classify(address[4][0]) > self._own_reach or classify(address[4][0]) is Reach.FORBIDDEN:
            raise self._refusal()
        return _socket(address)

    def _refusal(self) -> EgressRefused:
        # The same words for every address of a name: where they differ, the connecting library drops the type.
        return EgressRefused(
            f"source {self._source} leads to an address less public than its own; "
            "if that is meant, name the origin in its trusted_redirects or trusted_realms"
        )


def _socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
