"""The command line in a home of its own: as a process, or called in this one where no process is needed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from proxy.cli import main

_CHECKOUT = Path(__file__).parents[2]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:[0-9]+")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left."""

    status: int
    output: str
    errors: str


@dataclass(slots=True)
class Serving:
    """A running `serve`; `lines` are what it has said so far."""

    process: asyncio.subprocess.Process
    url: str
    lines: list[str] = field(default_factory=list)

    async def end(self, number: int = signal.SIGTERM) -> Finished:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        output, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return Finished(self.process.returncode, output.decode(), "".join(self.lines) + errors.decode())


@dataclass(frozen=True, slots=True)
class Home:
    """A user's home; nothing of the real environment but PATH is seen."""

    folder: Path

    @property
    def data(self) -> Path:
        """Where the proxies of this home keep everything."""
        return self.folder / "data"

    def write(self, text: str, name: str = "registry.toml") -> str:
        """Write a configuration; returns its path."""
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        return str(file)

    async def run(self, *arguments: str, **environ: str) -> Finished:
        """Run a command to its end."""
        process = await self._start(*arguments, **environ)
        output, errors = await process.communicate()
        assert process.returncode is not None
        return Finished(process.returncode, output.decode(), errors.decode())

    def call(self, *arguments: str, **environ: str) -> Finished:
        """Run a command to its end in this process."""
        output, errors = io.StringIO(), io.StringIO()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            with (
                mock.patch.dict(os.environ, self._environ(environ), clear=True),
                contextlib.redirect_stdout(output),
                contextlib.redirect_stderr(errors),
            ):
                status = main(arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        return Finished(status, output.getvalue(), errors.getvalue())

    @asynccontextmanager
    async def serve(self, *arguments: str, **environ: str) -> AsyncIterator[Serving]:
        """Run `serve` on a free port of 127.0.0.1 until the block ends, once it says where it listens."""
        process = await self._start("serve", "--port", "0", "--data-dir", str(self.data), *arguments, **environ)
        assert process.stderr is not None
        lines: list[str] = []
        try:
            while True:
                line = (await process.stderr.readline()).decode()
                assert line, "".join(lines)
                lines.append(line)
                if found := _ADDRESS.search(line):
                    break
            yield Serving(process, found[0], lines)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _start(self, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proxy",
            *arguments,
            cwd=_CHECKOUT,
            env=self._environ(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    def _environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **environ}
