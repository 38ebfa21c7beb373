"""The program as a process of its own, to be killed and measured."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.peers import Peer, bare_environment, running

_CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Served:
    """A running process: where it listens and what it printed."""

    peer: Peer

    @property
    def url(self) -> str:
        """Scheme, address and port."""
        return self.peer.found[0]

    @property
    def anonymous_memory(self) -> int:
        """Bytes of memory that no file backs (RssAnon)."""
        status = Path(f"/proc/{self.peer.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024

    async def kill(self) -> None:
        """End it with SIGKILL."""
        self.peer.process.kill()
        await self.peer.process.wait()


@asynccontextmanager
async def served(folder: Path, upstream: str) -> AsyncIterator[Served]:
    """Serve the source `test` from `folder/data` on a free port; ended with SIGTERM if it still runs."""
    folder.mkdir(exist_ok=True)
    configuration = folder / "registry.toml"
    configuration.write_text(
        f'[cache]\ndata_dir = "{folder / "data"}"\n\n'
        f'[[sources]]\nname = "test"\ntype = "oci"\nurl = "{upstream}"\nauth = {{ type = "none" }}\n'
    )
    command = [sys.executable, "-m", "proxy", "serve", "-c", str(configuration), "--port", "0"]
    ready = r"http://127\.0\.0\.1:[0-9]+"
    async with running(command, ready, environment=bare_environment(folder), folder=_CHECKOUT) as peer:
        yield Served(peer)
