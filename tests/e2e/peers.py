"""Programs that run beside a test: found or skipped, started until they say that they are ready, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS = 30
RUN_SECONDS = 60
STOP_SECONDS = 15


def program(name: str) -> str:
    """The full path of a program; without it the test is skipped, or fails where CI has to have everything."""
    # Debian keeps some servers where only root's PATH leads.
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed, and CI=true lets no test be skipped for that")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def bare_environment(home: Path) -> dict[str, str]:
    """An environment in which nothing of the user's own configuration or credentials is found."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LANG": "C.UTF-8"}


async def run(*command: str, environment: Mapping[str, str]) -> str:
    """Run a program to its end and return what it printed; AssertionError with its words when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        words = errors.decode(errors="replace")
        raise AssertionError(f"{' '.join(command)} ended with {process.returncode}: {words}")
    return output.decode()


@dataclass(slots=True)
class Peer:
    """A running program; `found` is what its ready line matched, `lines` everything it printed so far."""

    process: asyncio.subprocess.Process
    found: re.Match[str]
    lines: list[str]
    _reading: asyncio.Task[None]

    async def stop(self) -> int:
        """End it with SIGTERM and return its exit status; a second stop only returns it again."""
        if self.process.returncode is None:
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                status = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            status = await self.process.wait()
        await self._reading
        return status


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str], ready: str, *, environment: Mapping[str, str], folder: Path
) -> AsyncIterator[Peer]:
    """Start a program and wait until it prints a line in which the pattern `ready` is found."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(START_SECONDS):
            found = await _ready_line(process.stdout, ready, lines)
        peer = Peer(process, found, lines, asyncio.create_task(_collect(process.stdout, lines)))
        try:
            yield peer
        finally:
            await peer.stop()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ready_line(output: asyncio.StreamReader, ready: str, lines: list[str]) -> re.Match[str]:
    while line := await output.readline():
        lines.append(line.decode(errors="replace"))
        if found := re.search(ready, lines[-1]):
            return found
    raise AssertionError("the program ended before it was ready:\n" + "".join(lines))


async def _collect(output: asyncio.StreamReader, lines: list[str]) -> None:
    while line := await output.readline():
        lines.append(line.decode(errors="replace"))
