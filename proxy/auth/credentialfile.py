"""Docker's and Podman's credential files on disk: which there are, and reading them when they have changed."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import aiofiles
import aiofiles.os

from proxy.auth.dockerconfig import hosts_named
from proxy.core.jsonobject import parse_object

_logger = logging.getLogger(__name__)
_LARGEST_FILE = 1024 * 1024
INLINE_VARIABLE = "DOCKER_AUTH_CONFIG"

_Signature: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class CredentialPath:
    """A file to look in, and how messages call it."""

    path: Path
    described: str


def credential_paths(environ: Mapping[str, str], uid: int) -> tuple[CredentialPath, ...]:
    """The files to look in, in order: REGISTRY_AUTH_FILE alone, or else Docker's, then Podman's two."""
    home = environ.get("HOME", "")
    explicit = environ.get("REGISTRY_AUTH_FILE", "")
    if explicit:
        return (_named(Path(explicit), home),)
    docker = environ.get("DOCKER_CONFIG", "") or (f"{home}/.docker" if home else "")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    settings = environ.get("XDG_CONFIG_HOME", "") or (f"{home}/.config" if home else "")
    files = (
        docker and f"{docker}/config.json",
        f"{runtime}/containers/auth.json" if runtime else f"/run/containers/{uid}/auth.json",
        settings and f"{settings}/containers/auth.json",
    )
    return tuple(_named(Path(file), home) for file in files if file)


def configured_hosts(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Every registry that the user's credential files name, each once, as `host[:port]`.

    For sources that nobody wrote down. Reads the files at once, so it is for start-up only. What a helper for
    everything alone knows does not count: asking it for a list would open the user's keychain.
    """
    places = (place.path for place in credential_paths(environ, os.getuid()))
    readers = (partial(_read_inline, environ), *(partial(_read, path) for path in places))
    hosts: dict[str, None] = {}
    for read in readers:
        # What is wrong is said when a credential is looked for.
        with suppress(OSError, ValueError):
            hosts.update(dict.fromkeys(hosts_named(read())))
    return tuple(hosts)


def inline_document(environ: Mapping[str, str]) -> dict[str, object]:
    """The document in DOCKER_AUTH_CONFIG; empty where there is none, and said if it cannot be read."""
    try:
        return _read_inline(environ)
    except ValueError as error:
        _logger.warning("passed over in the search for credentials: %s: %s", INLINE_VARIABLE, error)
        return {}


class Complaints:
    """What is wrong in one place, each thing said once although the place is looked into for every request."""

    def __init__(self, described: str) -> None:
        self._described = described
        self._said: set[str] = set()

    def say(self, problem: str) -> None:
        if problem not in self._said:
            self._said.add(problem)
            _logger.warning("passed over in the search for credentials: %s: %s", self._described, problem)

    def clear(self) -> None:
        """The place has changed: what is still wrong is worth saying again."""
        self._said.clear()


class CredentialFile:
    """One file, read again only when it has changed."""

    def __init__(self, place: CredentialPath) -> None:
        self.described = place.described
        self.complaints = Complaints(place.described)
        self._path = place.path
        self._signature: _Signature | None = None
        self._document: dict[str, object] = {}

    async def document(self) -> Mapping[str, object]:
        """What the file holds now; empty where it is missing, empty or unreadable, the last said once."""
        signature = await _signature(self._path)
        if signature != self._signature:
            document, problem = await _read_or_problem(self._path)
            self._signature, self._document = signature, document
            self.complaints.clear()
            if problem:
                self.complaints.say(problem)
        return self._document


def _named(path: Path, home: str) -> CredentialPath:
    folder = str(path.parent)
    if home and (folder == home or folder.startswith(home.rstrip("/") + "/")):
        folder = "~" + folder[len(home.rstrip("/")) :]
    return CredentialPath(path, f"{path.name} in {folder}")


def _read_inline(environ: Mapping[str, str]) -> dict[str, object]:
    text = environ.get(INLINE_VARIABLE, "")
    return parse_object(text.encode(errors="replace")) if text.strip() else {}


async def _signature(path: Path) -> _Signature | None:
    try:
        status = await aiofiles.os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


async def _read_or_problem(path: Path) -> tuple[dict[str, object], str]:
    try:
        async with aiofiles.open(path, "rb", opener=_open_regular) as file:
            return _parse(await file.read(_LARGEST_FILE + 1)), ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        # The text of an OSError holds the whole path, which the description has already.
        return {}, (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)


def _read(path: Path) -> dict[str, object]:
    """The object in a file, at once; OSError or ValueError if it cannot be had."""
    with open(path, "rb", opener=_open_regular) as file:
        return _parse(file.read(_LARGEST_FILE + 1))


def _open_regular(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe that somebody put there would wait for its writer.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is not a regular file")
    return descriptor


def _parse(content: bytes) -> dict[str, object]:
    """The object in a file's content, empty for an empty file."""
    if len(content) > _LARGEST_FILE:
        raise ValueError(f"it is larger than {_LARGEST_FILE} bytes")
    return parse_object(content) if content.strip() else {}
