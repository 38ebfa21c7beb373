"""A fill's surroundings for unit tests: a data folder, a store in it, and time that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fakes.clock import FakeClock

from proxy.cache.content import ContentStore, DiskContent
from proxy.cache.disk import Disk
from proxy.cache.fill import Fill, FillTools, Supply
from proxy.cache.folder import DataFolder
from proxy.core.digest import Digest
from proxy.core.entries import Key
from proxy.core.retry import RetryRule

KEY = Key("oci", "https://registry.test", "blob", "app", "sha256:…")


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything a fill works with. Retries do not pause, unless another rule is set."""

    folder: Path
    disk: Disk
    content: DiskContent
    clock: FakeClock
    retry: RetryRule = field(default_factory=lambda: RetryRule(first_pause=0.0))
    fills: list[Fill] = field(default_factory=list)

    def fill(
        self, digest: Digest, supply: Supply, *, limit: int = 1 << 30, content: ContentStore | None = None
    ) -> Fill:
        """A fill that has not begun; ended with the bench, if not before. `content` stands in for the real store."""
        tools = FillTools(
            content=content or self.content,
            disk=self.disk,
            clock=self.clock,
            jitter=lambda: 1.0,
            retry=self.retry,
        )
        made = Fill(digest, starter=KEY, limit=limit, supply=supply, tools=tools)
        self.fills.append(made)
        return made

    @property
    def partials(self) -> list[Path]:
        """The downloads that lie unfinished in the folder."""
        return sorted((self.folder / "partial").iterdir())


@contextmanager
def bench_in(folder: Path) -> Iterator[Bench]:
    """Claim a data folder and let everything go at the end."""
    claimed = DataFolder.claim(folder)
    disk = Disk()
    try:
        bench = Bench(folder, disk, DiskContent(folder, disk), FakeClock())
        yield bench
        for fill in bench.fills:
            fill.end()
    finally:
        disk.close()
        claimed.release()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds that no event tells."""
    while not condition():
        await asyncio.sleep(0)


def open_files(folder: Path) -> list[str]:
    """What this process has open below a folder, files without a name included."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith(f"{folder}/"):
            found.append(target)
    return found
