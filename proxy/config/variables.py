"""`${VARIABLE}` in the credential fields of sources, filled in from the environment when the file is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.config.lines import KeyPath
from proxy.config.problems import Problem

_FIELDS = ("token", "username", "password")
_SECRET_FIELDS = frozenset({"token", "password"})
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Stands in for a value that could not be filled in, so that nothing else is said about it.
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Expansion:
    """The sources with their variables filled in, and the keys of secrets that are written in the file itself."""

    sources: tuple[object, ...]
    problems: tuple[Problem, ...]
    written_out: tuple[KeyPath, ...]


def expand_sources(sources: list[object], environ: Mapping[str, str], *, offline: bool) -> Expansion:
    """Fill in each source's variables, once: what a variable holds is not looked through again.

    A variable that is unset or empty is a problem; a source that is never asked (disabled, or all of them when
    `offline`) loses its credential instead. What is not a table is left for the models to refuse.
    """
    expanded: list[object] = []
    problems: list[Problem] = []
    written_out: list[KeyPath] = []
    for index, source in enumerate(sources):
        if not isinstance(source, dict) or not isinstance(source.get("auth"), dict):
            expanded.append(source)
            continue
        path: KeyPath = ("sources", index, "auth")
        fields = {key: source["auth"][key] for key in _FIELDS if isinstance(source["auth"].get(key), str)}
        written_out += ((*path, key) for key in fields if key in _SECRET_FIELDS and "${" not in fields[key])
        if _lacks(fields, environ) and (offline or source.get("enabled") is False):
            expanded.append({**source, "auth": {"type": "none"}})
            continue
        for key, text in fields.items():
            clause = _clause(text, environ)
            problems += [Problem((*path, key), clause)] if clause else []
            fields[key] = _UNKNOWN if clause else _REFERENCE.sub(lambda found: environ[found[1]], text)
        expanded.append({**source, "auth": {**source["auth"], **fields}})
    return Expansion(tuple(expanded), tuple(problems), tuple(written_out))


def _lacks(fields: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether all is well but for a variable that has no value."""
    texts = fields.values()
    return not any(map(_is_malformed, texts)) and any(_without_value(text, environ) for text in texts)


def _clause(text: str, environ: Mapping[str, str]) -> str:
    if _is_malformed(text):
        return (
            "holds ${ that does not begin a reference such as ${REGISTRY_TOKEN}; "
            "a secret with these characters has to come from a variable"
        )
    missing = _without_value(text, environ)
    if missing:
        state = "empty" if missing in environ else "not set"
        return f"needs the environment variable {missing}, which is {state}"
    return ""


def _is_malformed(text: str) -> bool:
    return "${" in _REFERENCE.sub("", text)


def _without_value(text: str, environ: Mapping[str, str]) -> str | None:
    names = (found[1] for found in _REFERENCE.finditer(text))
    return next((name for name in names if not environ.get(name)), None)
