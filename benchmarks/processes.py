"""Programs under measurement: on which cores they run, when they are up, and what they cost.

Linux only: cores, processor time and memory are read where Linux keeps them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_START_LIMIT = 30.0
_STOP_LIMIT = 20.0
_POLL = 0.01
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """A measurement that cannot be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the server under test runs, and where everything else does."""

    server: int
    load: frozenset[int]

    @property
    def shared(self) -> bool:
        """Whether the load takes its time from the server, because there is only one core."""
        return self.server in self.load


def choose_cores() -> Cores:
    """The first core we may use for the server, the others for upstream and load."""
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores(server=first, load=frozenset(others or [first]))


@dataclass(frozen=True, slots=True)
class Process:
    """A running server and the children it has."""

    pid: int

    def cpu_seconds(self) -> float:
        """Processor time used so far, user and system, in steps of the kernel's tick (10 ms)."""
        return sum(_ticks(pid) for pid in (self.pid, *_children(self.pid))) / _TICKS_PER_SECOND


def find_program(name: str) -> str | None:
    """Where a program is; servers are often installed where an ordinary user's search path does not lead."""
    return shutil.which(name) or shutil.which(name, path=_SYSTEM_FOLDERS)


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(
    command: Sequence[str], *, port: int, home: Path, folder: Path, core: int | None = None
) -> Iterator[Process]:
    """A server from when it accepts connections until the block ends.

    It gets none of our environment, so that nobody's credentials or settings take part. What it prints is dropped:
    that is where an access log goes that cannot be turned off. Without a `core` it runs where we do.
    """
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    with subprocess.Popen(
        [*pinned, *command],
        cwd=folder,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as started:
        try:
            _await_port(started, port, command)
            yield Process(started.pid)
        finally:
            started.terminate()
            try:
                started.wait(_STOP_LIMIT)
            except subprocess.TimeoutExpired:
                started.kill()


def _await_port(started: subprocess.Popen[bytes], port: int, command: Sequence[str]) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        if started.poll() is not None:
            raise BenchmarkError(f"it ended with status {started.returncode} before it listened: {' '.join(command)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(_POLL)
    raise BenchmarkError(f"it accepts no connections after {_START_LIMIT:.0f} s: {' '.join(command)}")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ticks(pid: int) -> int:
    # The second field is the program's name in parentheses, which may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
