"""The servers that are compared, each with the configuration that it is run with."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Cores, Process, find_program, free_port, serving
from benchmarks.upstream import Upstream, nginx_command, nginx_settings, nginx_temporary_paths

OURS = "moorage"
NGINX = "nginx"
DOCKER_REGISTRY = "docker-registry"
DIRECT = "direct"
"""The upstream itself, asked without anything between."""

_CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Target:
    """Something that answers on 127.0.0.1; without a process it is the upstream itself."""

    name: str
    port: int
    process: Process | None
    upstream: Upstream


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that can be started. `configure(program, folder, port, upstream's port)` gives its command."""

    name: str
    program: str
    configure: Callable[[str, Path, int, int], list[str]]

    @contextlib.contextmanager
    def started(self, folder: Path, upstream: Upstream, cores: Cores) -> Iterator[Target]:
        """Run it on its core with an empty cache, which is deleted in the end."""
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-", dir=folder) as made:
            own = Path(made)
            port = free_port()
            command = self.configure(self.program, own, port, upstream.port)
            with serving(command, port=port, home=own, folder=_CHECKOUT, core=cores.server) as process:
                yield Target(self.name, port, process, upstream)


def installed_peers() -> tuple[Peer, ...]:
    """Ours first, then the others as far as they are installed."""
    others = ((NGINX, _nginx), (DOCKER_REGISTRY, _docker_registry))
    found = ((name, find_program(name), configure) for name, configure in others)
    return (
        Peer(OURS, sys.executable, _ours),
        *(Peer(name, program, configure) for name, program, configure in found if program is not None),
    )


def _ours(program: str, folder: Path, port: int, upstream: int) -> list[str]:
    configuration = folder / "registry.toml"
    configuration.write_text(
        f'[server]\nhost = "127.0.0.1"\nport = {port}\n\n'
        f'[cache]\ndata_dir = "{folder / "data"}"\ntag_ttl = "1h"\n\n'
        f'[[sources]]\nname = "upstream"\ntype = "oci"\nurl = "http://127.0.0.1:{upstream}"\n'
        'default = true\nauth = { type = "none" }\n'
    )
    return [program, "-m", "proxy", "serve", "-c", str(configuration)]


def _nginx(program: str, folder: Path, port: int, upstream: int) -> list[str]:
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"{nginx_settings(folder)}"
        "http {\n"
        f"{nginx_temporary_paths(folder)}"
        "  access_log off;\n  sendfile on;\n  keepalive_requests 1000000;\n"
        f"  proxy_cache_path {folder}/cache levels=1:2 keys_zone=content:10m max_size=20g inactive=1d"
        " use_temp_path=off;\n"
        f"  upstream registry {{ server 127.0.0.1:{upstream}; keepalive 32; }}\n"
        "  server {\n"
        f"    listen 127.0.0.1:{port};\n"
        "    location /v2/ {\n"
        '      proxy_pass http://registry;\n      proxy_http_version 1.1;\n      proxy_set_header Connection "";\n'
        "      proxy_cache content;\n      proxy_cache_valid 200 1h;\n"
        # Longer than any fill takes, so that clients who wait never go to the upstream themselves.
        "      proxy_cache_lock on;\n      proxy_cache_lock_timeout 60s;\n      proxy_cache_lock_age 60s;\n"
        "    }\n  }\n}\n"
    )
    return nginx_command(program, folder, configuration)


def _docker_registry(program: str, folder: Path, port: int, upstream: int) -> list[str]:
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "storage")},
            "cache": {"blobdescriptor": "inmemory"},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
        "proxy": {"remoteurl": f"http://127.0.0.1:{upstream}"},
    }
    # Whatever is JSON is YAML.
    configuration = folder / "registry.yml"
    configuration.write_text(json.dumps(settings))
    return [program, "serve", str(configuration)]
