"""The registry that everybody fetches from: files behind nginx, so that it is never what is slow.

The repository that is asked decides the pace: one is unlimited, one gives 125 MB/s on each connection, one 50 MB/s.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.content import Content, Image
from benchmarks.processes import BenchmarkError, free_port, serving

FAST = "bench/fast"
PACED = {"bench/paced-125": 125_000_000, "bench/paced-50": 50_000_000}
"""Repositories whose blobs come at a fixed number of bytes per second."""

TAG = "latest"
_QUIET_LIMIT = 120.0
_POLL = 0.01


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running registry of static files."""

    port: int
    image: Image
    _log: Path

    def log_position(self) -> int:
        """Where the next request will be noted; for `requests_since`."""
        return self._log.stat().st_size

    def requests_since(self, position: int, content: Content) -> int:
        """How many requests of any method for a content have ended since."""
        with self._log.open() as log:
            log.seek(position)
            return sum(line.rstrip().endswith(content.digest) for line in log)

    def await_quiet(self) -> None:
        """Wait until no request is being answered. BenchmarkError if that does not come to pass.

        A cache may go on fetching in the background after its clients have what they wanted.
        """
        deadline = time.monotonic() + _QUIET_LIMIT
        while time.monotonic() < deadline:
            # The one that is asking is being answered too.
            if self._requests_running() == 1:
                return
            time.sleep(_POLL)
        raise BenchmarkError(f"the upstream is still being asked after {_QUIET_LIMIT:.0f} s")

    def _requests_running(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        with contextlib.closing(connection):
            connection.request("GET", "/status")
            status = connection.getresponse().read().decode()
        found = re.search(r"Reading: (\d+) Writing: (\d+)", status)
        if found is None:
            raise BenchmarkError("the upstream nginx has no stub_status module")
        return int(found[1]) + int(found[2])


def manifest_path(reference: str) -> str:
    """The path of the manifest by its tag or digest."""
    return f"/v2/{FAST}/manifests/{reference}"


def blob_path(repository: str, content: Content) -> str:
    """The path of a blob in one of the repositories."""
    return f"/v2/{repository}/blobs/{content.digest}"


@contextlib.contextmanager
def static_registry(program: str, folder: Path, image: Image) -> Iterator[Upstream]:
    """Serve an image on a free port of 127.0.0.1 until the block ends."""
    port = free_port()
    log = folder / "access.log"
    log.touch()
    configuration = folder / "nginx.conf"
    configuration.write_text(_configuration(folder, port, log, image))
    with serving(nginx_command(program, folder, configuration), port=port, home=folder, folder=folder):
        yield Upstream(port, image, log)


def nginx_command(program: str, folder: Path, configuration: Path) -> list[str]:
    """nginx in the foreground, knowing no folder of the system's own installation."""
    return [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)]


def nginx_settings(folder: Path) -> str:
    """The part of a configuration before its `http` block: one worker, everything in one folder."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log error;\n"
        "events { worker_connections 1024; }\n"
    )


def nginx_temporary_paths(folder: Path) -> str:
    """Where nginx puts what it writes; left out, it would be folders of the system's own installation."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in kinds)


def _configuration(folder: Path, port: int, log: Path, image: Image) -> str:
    manifests = (_location(manifest_path(name), image.manifest) for name in (TAG, image.manifest.digest))
    blobs = (_location(blob_path(FAST, blob), blob) for blob in image.blobs)
    paced = (
        _location(blob_path(repository, blob), blob, f"limit_rate {rate}; ")
        for repository, rate in PACED.items()
        for blob in image.blobs
    )
    return (
        f"{nginx_settings(folder)}"
        "http {\n"
        f"{nginx_temporary_paths(folder)}"
        "  log_format asked '$request_method $status $uri';\n"
        f"  access_log {log} asked;\n"
        "  sendfile on;\n  etag off;\n  types {}\n  keepalive_requests 1000000;\n"
        "  server {\n"
        f"    listen 127.0.0.1:{port};\n"
        "    location = /status { stub_status; access_log off; }\n"
        "    location = /v2/ { default_type application/json; return 200 '{}'; }\n"
        f"{''.join((*manifests, *blobs, *paced))}"
        "    location / { return 404; }\n"
        "  }\n}\n"
    )


def _location(path: str, content: Content, pace: str = "") -> str:
    return (
        f'    location = {path} {{ alias {content.file}; default_type "{content.media_type}"; {pace}'
        f"add_header Docker-Content-Digest {content.digest}; }}\n"
    )
