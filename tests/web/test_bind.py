"""Listening: both loopback addresses or none, and never another port than the one that was asked for."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.running import running

from proxy.core.errors import ConfigError
from proxy.web.server import bind


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    sockets = bind(host, port)
    try:
        yield sockets
    finally:
        for made in sockets:
            made.close()


@contextlib.contextmanager
def _taken(address: str) -> Iterator[int]:
    """A port that somebody else listens on, at one address."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as other:
        other.bind((address, 0))
        other.listen()
        yield other.getsockname()[1]


def _free_port() -> int:
    with _bound("localhost", 0) as sockets:
        port: int = sockets[0].getsockname()[1]
        return port


@pytest.mark.parametrize("fixed", [True, False])
def test_localhost_is_both_addresses(fixed: bool) -> None:
    """`localhost` is 127.0.0.1 and ::1 on one port, a given one or any free one."""
    port = _free_port() if fixed else 0
    with _bound("localhost", port) as sockets:
        names = [made.getsockname()[:2] for made in sockets]
    assert [host for host, _ in names] == ["127.0.0.1", "::1"]
    assert len({found for _, found in names}) == 1
    assert not fixed or names[0][1] == port


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken(address: str) -> None:
    """If either address is taken nothing is listened on: what clients meant for us would go to somebody else."""
    with _taken(address) as port:
        with pytest.raises(ConfigError) as caught:
            bind("localhost", port)
        (problem,) = caught.value.problems
        assert problem.startswith("server.port: ")
        assert f"{address} port {port}" in problem
    with _bound("localhost", port) as sockets:
        assert len(sockets) == 2


def test_nobody_can_share_a_port_of_ours() -> None:
    """From when `bind` returns, no other socket can be bound to the address, not even one that asks to share it."""
    with _bound("127.0.0.1", 0) as (ours,), socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(ours.getsockname())


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1"])
def test_an_address_of_another_machine(host: str) -> None:
    """An address that this machine does not have is a mistake in the configuration."""
    with pytest.raises(ConfigError, match="cannot listen on"):
        bind(host, 0)


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_one_address(host: str, family: socket.AddressFamily) -> None:
    """Any other host is one socket."""
    with _bound(host, 0) as (made,):
        assert made.family is family


async def test_the_program_with_a_port_that_is_taken(tmp_path: Path) -> None:
    """A taken port ends the start with the reason, and gives the data folder back."""
    with _taken("127.0.0.1") as port, pytest.raises(ConfigError, match=str(port)):
        async with running(tmp_path / "data", server={"port": port}):
            pytest.fail("it runs on another port")
    async with running(tmp_path / "data", server={"port": port}) as proxy:
        assert proxy.url == f"http://127.0.0.1:{port}"
