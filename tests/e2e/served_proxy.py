"""The product itself as a process of its own, knowing the upstream's password from a Docker `config.json` alone."""

from __future__ import annotations

import base64
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from e2e.peers import Peer, bare_environment, running

SOURCE = "private"
_CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class ServedProxy:
    """A running proxy."""

    peer: Peer

    @property
    def url(self) -> str:
        """Scheme, address and port."""
        return self.peer.found[0]

    @property
    def prefix(self) -> str:
        """What stands before a repository in a client's reference: the proxy, then the source's name."""
        return f"{self.peer.found[1]}/{SOURCE}"

    async def stop(self) -> int:
        """Stop it with SIGTERM; returns its exit status."""
        return await self.peer.stop()


@dataclass(frozen=True, slots=True)
class Installation:
    """A user's home with a Docker `config.json`, a configuration file and a data folder."""

    folder: Path
    upstream: str

    @property
    def data(self) -> Path:
        """Where the proxy keeps everything."""
        return self.folder / "data"

    def prepare(self, credentials: str) -> None:
        """Write the two files; only `config.json` knows the credentials (`user:password`)."""
        docker = self.folder / ".docker"
        docker.mkdir(parents=True)
        entry = {"auth": base64.b64encode(credentials.encode()).decode()}
        (docker / "config.json").write_text(json.dumps({"auths": {self.upstream: entry}}))
        (self.folder / "registry.toml").write_text(
            f'[cache]\ndata_dir = "{self.data}"\n\n'
            f'[[sources]]\nname = "{SOURCE}"\ntype = "oci"\nurl = "http://{self.upstream}"\n'
        )

    @contextlib.asynccontextmanager
    async def serve(self, *options: str) -> AsyncIterator[ServedProxy]:
        """Start the proxy on a free port and wait until it says where it listens."""
        environment = bare_environment(self.folder)
        environment["DOCKER_CONFIG"] = str(self.folder / ".docker")
        configuration = str(self.folder / "registry.toml")
        command = [sys.executable, "-m", "proxy", "serve", "-c", configuration, "--port", "0", *options]
        ready = r"http://(127\.0\.0\.1:[0-9]+)"
        async with running(command, ready, environment=environment, folder=_CHECKOUT) as peer:
            yield ServedProxy(peer)
