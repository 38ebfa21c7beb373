"""Running a credential helper: a foreign program that may hang, flood its output or leave children behind."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from proxy.core.clock import Clock

TIME_LIMIT = 10.0
OUTPUT_LIMIT = 64 * 1024
_PREFIX = "docker-credential-"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STDIN, _STDOUT = 0, 1
# What helpers need to find the user's keychain, password store or cloud account, and nothing else: our own
# variables may hold the credentials of other sources.
_PASSED_VARIABLES = frozenset(
    {"PATH", "HOME", "LANG", "DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME", "PASSWORD_STORE_DIR"}
)
_PASSED_PREFIXES = ("XDG_", "AWS_", "GOOGLE_", "AZURE_")


class HelperFailed(Exception):
    """A helper could not be run or was ended; the message is one clause without anything it printed."""


@dataclass(frozen=True, slots=True)
class HelperOutput:
    """How a helper ended and what it printed, which may be a secret."""

    status: int
    output: bytes = field(repr=False)


def find_helper(name: str, environ: Mapping[str, str]) -> str:
    """The program of a helper; HelperFailed if the name is none or no absolute folder of PATH has it.

    The name comes from a file: with a path in it, it could be any program. Empty and relative entries of PATH
    mean the current folder, where anybody may have put one (CVE-2019-15752).
    """
    if not _NAME.fullmatch(name):
        raise HelperFailed("its name is not one of letters, digits, - and _")
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder.startswith("/")]
    program = shutil.which(_PREFIX + name, path=os.pathsep.join(folders))
    if program is None:
        raise HelperFailed("it is not installed in a folder of PATH")
    return program


def helper_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that a helper gets."""
    return {
        name: value
        for name, value in environ.items()
        if name in _PASSED_VARIABLES or name.startswith(_PASSED_PREFIXES)
    }


async def run_helper(program: str, server: str, environment: Mapping[str, str], clock: Clock) -> HelperOutput:
    """Ask a helper for one server: `program get`, the server on standard input, no shell, errors unread.

    HelperFailed if it cannot start, takes over ten seconds or prints over 64 KiB; whenever it is not left to
    end by itself, its whole process group is killed.
    """
    # A task of its own: cancelled half-way, a start would leave the children of what it started.
    start = asyncio.create_task(_start(program, environment))
    try:
        async with clock.timeout(TIME_LIMIT):
            _, conversation = await asyncio.shield(start)
            conversation.say(server.encode())
            return await conversation.ended
    except TimeoutError:
        raise HelperFailed(f"it did not answer within {TIME_LIMIT:.0f} seconds") from None
    except OSError as error:
        raise HelperFailed(f"it cannot be started ({error.strerror})") from None
    finally:
        await _end(start)


class _Conversation(asyncio.SubprocessProtocol):
    """Collects standard output up to the limit; `ended` once the process has gone and said all."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[HelperOutput] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.SubprocessTransport | None = None
        self._output = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What subprocess_exec makes, whichever event loop it is.
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def say(self, text: bytes) -> None:
        """Write to the helper and close its standard input."""
        pipe = self._transport and self._transport.get_pipe_transport(_STDIN)
        if pipe is not None:
            writer = cast("asyncio.WriteTransport", pipe)
            writer.write(text)
            writer.close()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - asyncio names it
        self._output += data
        if len(self._output) > OUTPUT_LIMIT and not self.ended.done():
            self.ended.set_exception(HelperFailed(f"it printed more than {OUTPUT_LIMIT} bytes"))
            self.hang_up()

    def hang_up(self) -> None:
        """Close our ends of both pipes, whoever holds the others."""
        for descriptor in (_STDIN, _STDOUT):
            pipe = self._transport and self._transport.get_pipe_transport(descriptor)
            if pipe is not None:
                pipe.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        # Called once both pipes are closed and the process has been waited for.
        status = self._transport.get_returncode() if self._transport else None
        if not self.ended.done():
            self.ended.set_result(HelperOutput(-1 if status is None else status, bytes(self._output)))
        self.closed.set_result(None)


_Started: TypeAlias = tuple[asyncio.SubprocessTransport, _Conversation]


async def _start(program: str, environment: Mapping[str, str]) -> _Started:
    return await asyncio.get_running_loop().subprocess_exec(
        _Conversation,
        program,
        "get",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env=dict(environment),
        start_new_session=True,
    )


async def _end(start: asyncio.Task[_Started]) -> None:
    """Kill what still runs and wait until nothing of it is left."""
    try:
        transport, conversation = await start
    except OSError:
        return
    if not conversation.closed.done():
        # The group outlives its first process for as long as a child of it runs.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        conversation.hang_up()
        await conversation.closed
    transport.close()
