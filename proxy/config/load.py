"""From a file, the environment and the command line to a checked configuration, or to all that is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from proxy.config.addresses import canonical_host, is_loopback
from proxy.config.defaults import default_sources
from proxy.config.document import NOTHING_WRITTEN, Document, read_document
from proxy.config.lines import KeyPath, line_of
from proxy.config.model import Config
from proxy.config.problems import Problem, explain, place, sentence
from proxy.config.rules import conflicts
from proxy.config.variables import Expansion, expand_sources
from proxy.core.errors import ConfigError

_FLAGS: Mapping[KeyPath, str] = {
    ("server", "host"): "--host",
    ("server", "port"): "--port",
    ("cache", "data_dir"): "--data-dir",
}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says; it wins over the file where it says anything."""

    host: str | None = None
    port: int | None = None
    data_dir: Path | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be served, and what its owner should know about it, as whole sentences."""

    config: Config
    notices: tuple[str, ...]


def load(
    path: Path | None, *, environ: Mapping[str, str], overrides: Overrides, credential_hosts: Sequence[str]
) -> Loaded:
    """Read and check everything; without a file, or with one that has no sources, the default sources serve.

    `credential_hosts` are the registries named in the user's credential files. ConfigError holds every mistake.
    """
    document = NOTHING_WRITTEN if path is None else read_document(path)
    table = _with_overrides(document, overrides, environ)
    expansion = Expansion((), (), ())
    problems: list[Problem] = []
    if isinstance(written := table.get("sources"), list):
        expansion = expand_sources(written, environ, offline=_is_offline(table))
        table["sources"] = list(expansion.sources)
        problems += [*expansion.problems, *conflicts(expansion.sources)]
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        problems += explain(error)
    if problems:
        # Raised here and not where it was caught: what was caught holds the values.
        raise ConfigError(_sentences(problems, document.lines, overrides))
    if not config.sources:
        config = config.model_copy(update={"sources": default_sources(credential_hosts)})
    notices = (*_loopback_notice(table, config), *_readable_notice(path, document, expansion))
    return Loaded(config, notices)


def _with_overrides(document: Document, overrides: Overrides, environ: Mapping[str, str]) -> dict[str, object]:
    table = dict(document.table)
    given = {"host": overrides.host, "port": overrides.port}
    server, cache = table.get("server", {}), table.get("cache", {})
    if isinstance(server, dict):
        table["server"] = server | {key: value for key, value in given.items() if value is not None}
    if isinstance(cache, dict):
        data_dir = overrides.data_dir or _data_dir(cache.get("data_dir"), document.folder, environ)
        if isinstance(data_dir, Path):
            data_dir = data_dir.absolute()
        changes = {"data_dir": data_dir, "offline": overrides.offline or cache.get("offline")}
        table["cache"] = {key: value for key, value in {**cache, **changes}.items() if value is not None}
    return table


def _data_dir(written: object, folder: Path, environ: Mapping[str, str]) -> object:
    """The folder meant by the file, or the user's cache folder (XDG Base Directory Specification) if it says none.

    None if it takes a home folder and nobody knows one; what is no path is handed on for the model to refuse.
    """
    home = environ.get("HOME", "")
    if written is None:
        caches = Path(environ.get("XDG_CACHE_HOME", ""))
        # The specification has relative paths ignored.
        if caches.is_absolute():
            return caches / "moorage"
        return Path(home, ".cache", "moorage") if home else None
    if not isinstance(written, str) or not written:
        return written
    if written == "~" or written.startswith("~/"):
        return Path(home + written[1:]) if home else None
    return folder / written


def _is_offline(table: Mapping[str, object]) -> bool:
    cache = table.get("cache")
    return isinstance(cache, dict) and cache.get("offline") is True


def _sentences(problems: list[Problem], lines: Mapping[KeyPath, int], overrides: Overrides) -> tuple[str, ...]:
    """The problems in the order of the file; those without a line come last."""
    given = {"--host": overrides.host, "--port": overrides.port, "--data-dir": overrides.data_dir}
    flags = {path: flag for path, flag in _FLAGS.items() if given[flag] is not None}
    in_order = sorted(problems, key=lambda problem: line_of(lines, problem.path) or sys.maxsize)
    return tuple(dict.fromkeys(sentence(problem, lines, flags) for problem in in_order))


def _loopback_notice(table: Mapping[str, object], config: Config) -> tuple[str, ...]:
    server = table.get("server")
    written = server.get("host") if isinstance(server, dict) else None
    if written is None or config.server.host != "localhost" or is_loopback(canonical_host(written)):
        return ()
    notice = (
        f"The host {written} would let every machine ask, so only this one is served: to serve others, write "
        'allowed_hosts = ["proxy.example.com"] (the names by which they ask) and '
        'allow = ["192.168.0.0/16"] (their networks) in [server].'
    )
    return (notice,)


def _readable_notice(path: Path | None, document: Document, expansion: Expansion) -> tuple[str, ...]:
    if not document.readable_by_others or not expansion.written_out:
        return ()
    keys = ", ".join(place(key, document.lines) for key in expansion.written_out)
    notice = (
        f"{path} can be read by other users and holds a secret in {keys}: run chmod 600 on it, or write "
        'a variable such as "${REGISTRY_TOKEN}" in its place.'
    )
    return (notice,)
