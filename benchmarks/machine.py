"""On what it was measured: facts of the machine, versions of the programs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Cores, find_program
from proxy import __version__

_VERSION_QUESTIONS = (("nginx", "-v"), ("docker-registry", "--version"), ("wrk", "-v"))


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to judge absolute figures by."""

    processor: str
    cores: int
    memory: int
    kernel: str
    file_system: str
    versions: tuple[str, ...]


def look_around() -> Machine:
    """Describe this machine; `memory` is in bytes."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=f"{platform.system()} {platform.release()}",
        file_system=_file_system(Path(tempfile.gettempdir()).resolve()),
        versions=(
            f"moorage {__version__}",
            f"Python {platform.python_version()}",
            f"aiohttp {importlib.metadata.version('aiohttp')}",
            *_versions(),
        ),
    )


def describe_cores(cores: Cores) -> str:
    """One sentence on who ran where."""
    if cores.shared:
        return "There is only one core: server, upstream and load share it, so no figure means much."
    others = ", ".join(str(core) for core in sorted(cores.load))
    return f"The server under test runs on core {cores.server}, upstream and load on {others}."


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """The type of the file system that a folder is in: of the longest mount point above it."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    above = [(mount[1], mount[2]) for mount in mounts if folder.is_relative_to(mount[1])]
    return max(above, key=lambda mount: len(mount[0]))[1] if above else "unknown"


def _versions() -> list[str]:
    asked = [(name, find_program(name), option) for name, option in _VERSION_QUESTIONS]
    return [f"{name} {_version([program, option])}" for name, program, option in asked if program is not None]


def _version(command: Sequence[str]) -> str:
    # wrk answers with status 1, nginx on the error output.
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.+~-]*", ran.stdout + ran.stderr)
    return found[0] if found else "of unknown version"
