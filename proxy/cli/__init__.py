"""The command line. Commands are imported when they run, so that `--version` costs nothing."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy import __version__
from proxy.core.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0, 1 for a failure, 2 for a mistake in the configuration or the call."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "serve":
                from proxy.cli.serve import serve  # noqa: PLC0415 -- aiohttp takes a quarter second to import

                return serve(options, os.environ)
            case _:
                from proxy.cli.config import show  # noqa: PLC0415

                return show(options, os.environ)
    except ConfigError as wrong:
        for problem in wrong.problems:
            print(f"moorage: {problem}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moorage", description="A caching reverse proxy for private registries.")
    parser.add_argument("--version", action="version", version=f"moorage {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in (
        ("serve", "serve the configured registries from a local cache"),
        ("config", "print the effective configuration, without its secrets"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.add_argument("-c", "--config", type=Path, metavar="FILE", help="the registry.toml to use")
        command.add_argument("--host", help="the address to listen on, in place of server.host")
        command.add_argument("--port", type=int, help="the port to listen on, in place of server.port")
        command.add_argument("--data-dir", type=Path, metavar="FOLDER", help="where the cache is kept")
        command.add_argument("--offline", action="store_true", help="ask no source; serve what is held")
    return parser
