"""The front door: who may ask at all, checked before anything is looked up.

A web page can make a browser send requests here, and a rebound DNS name lets it read the answers; neither an
Origin nor a Sec-Fetch-Site check alone stops both (measured). So the Host must be a name of ours, and a request
that a browser marks as another site's is refused, GET included: it would spend credentials and disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp.web import BaseRequest
from cachetools import LRUCache

from proxy.core.errors import Forbidden, MethodNotAllowed, Misdirected, RequestError

_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_MOST_CLIENTS = 1024


class Door:
    """Admits requests. `allowed_hosts` are names beside localhost, `allow` the networks beside loopback."""

    def __init__(self, *, allowed_hosts: Iterable[str], allow: Iterable[IPv4Network | IPv6Network]) -> None:
        self._hosts = _OWN_HOSTS.union(host.lower() for host in allowed_hosts)
        self._networks = tuple(allow)
        self._clients: LRUCache[str, bool] = LRUCache(_MOST_CLIENTS)

    def admit(self, request: BaseRequest) -> None:
        """Raises the RequestError with which a request is turned away."""
        self._check_client(request.remote)
        headers = request.headers
        host = headers.get("Host")
        if host is None:
            raise RequestError("a request needs a Host header")
        if not self._is_ours(host):
            raise Misdirected(
                "this Host name is not served here; name it in allowed_hosts under [server] to serve it"
            )
        site = headers.get("Sec-Fetch-Site")
        if site is not None and site not in {"none", "same-origin"} and not _is_visit(request):
            raise Forbidden("requests from other web sites are refused")
        origin = headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{host}".lower():
            raise Forbidden("requests from other web sites are refused")
        if "Upgrade" in headers and headers["Upgrade"].lower() != "h2c":
            raise RequestError("this connection cannot be upgraded")
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(
                "this is a cache for reading; push or publish to the registry itself, under its own address"
            )
        if request.body_exists:
            raise RequestError("a request for reading has no body")

    def _is_ours(self, authority: str) -> bool:
        """Whether the Host header names us; on any port, because the name is what stops rebinding."""
        host, colon, port = authority.rpartition(":")
        if not colon or authority.endswith("]"):
            host, port = authority, ""
        return host.lower() in self._hosts and (not port or (port.isascii() and port.isdigit()))

    def _check_client(self, remote: str | None) -> None:
        if remote is None:
            raise Forbidden("the client has no address")
        admitted = self._clients.get(remote)
        if admitted is None:
            admitted = self._clients[remote] = self._is_allowed(remote)
        if not admitted:
            raise Forbidden("this client's address is not in the networks that allow names under [server]")

    def _is_allowed(self, remote: str) -> bool:
        try:
            address = ip_address(remote.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address.is_loopback or any(address in network for network in self._networks)


def _is_visit(request: BaseRequest) -> bool:
    """A person following a link to our front page."""
    return request.raw_path == "/" and request.headers.get("Sec-Fetch-Mode") == "navigate"
