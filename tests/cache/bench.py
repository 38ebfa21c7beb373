"""A fill's surroundings for unit tests: a data folder, a store in it, and time that stands still."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    """Everything a fill works with. Retries do not pause."""

    folder: Path
    disk: Disk
    content: DiskContent
    clock: FakeClock

    def fill(
        self, digest: Digest, supply: Supply, *, limit: int = 1 << 30, content: ContentStore | None = None
    ) -> Fill:
        """A fill that has not begun."""
        return Fill(digest, starter=KEY, limit=limit, supply=supply, tools=self.tools(content))

    def tools(self, content: ContentStore | None = None) -> FillTools:
        """What fills share; `content` stands in for the real store."""
        return FillTools(
            content=content or self.content,
            disk=self.disk,
            clock=self.clock,
            jitter=lambda: 0.0,
            retry=RetryRule(first_pause=0.0),
        )

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
        yield Bench(folder, disk, DiskContent(folder, disk), FakeClock())
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
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if target.startswith(f"{folder}/"):
            found.append(target)
    return found
