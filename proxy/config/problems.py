"""What is wrong with a configuration, as sentences that name the key and line and never a value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from proxy.config.lines import KeyPath, line_of
from proxy.config.model import (
    BasicAuth,
    BearerAuth,
    CacheSettings,
    Config,
    DockerAuth,
    LogSettings,
    NoAuth,
    ServerSettings,
    SourceSettings,
)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TABLES: Mapping[KeyPath, type[BaseModel]] = {
    (): Config,
    ("server",): ServerSettings,
    ("cache",): CacheSettings,
    ("log",): LogSettings,
    ("sources",): SourceSettings,
    ("sources", "auth", "none"): NoAuth,
    ("sources", "auth", "bearer"): BearerAuth,
    ("sources", "auth", "basic"): BasicAuth,
    ("sources", "auth", "docker"): DockerAuth,
}
_CLAUSES: Mapping[str, str] = {
    "missing": "is required",
    "string_type": "must be a string",
    "path_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "union_tag_not_found": "needs a type: none, bearer, basic or docker",
    "union_tag_invalid": "has an unknown type: it must be none, bearer, basic or docker",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake: where it is, and a clause that goes on from the key's name."""

    path: KeyPath
    clause: str


def sentence(problem: Problem, lines: Mapping[KeyPath, int], flags: Mapping[KeyPath, str]) -> str:
    """The problem as it is shown; `flags` are the keys whose value came from the command line, with its option."""
    if problem.path in flags:
        return f"{flags[problem.path]} {problem.clause}."
    return f"{place(problem.path, lines)} {problem.clause}."


def place(path: KeyPath, lines: Mapping[KeyPath, int]) -> str:
    """A key as people write it, with its line if that is known: `sources[1].auth.token (line 12)`."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else json.dumps(part)
            spelled += f".{key}" if spelled else key
    line = line_of(lines, path)
    return spelled if line is None else f"{spelled} (line {line})"


def explain(error: ValidationError) -> list[Problem]:
    """Each mistake that the models found, in our own words: theirs would quote values."""
    return [_problem(details) for details in error.errors(include_input=False, include_url=False)]


def _problem(details: ErrorDetails) -> Problem:
    location, kind = details["loc"], details["type"]
    path = _without_tag(location)
    if kind == "extra_forbidden":
        return Problem(path, _unknown(location))
    if kind == "value_error":
        return Problem(path, str(details["ctx"]["error"]))
    if kind == "literal_error":
        return Problem(path, f"must be {details['ctx']['expected']}")
    if kind == "missing" and path == ("cache", "data_dir"):
        return Problem(path, "has no default without a home folder (HOME): write it, or pass --data-dir")
    if kind == "tuple_type" and path == ("sources",):
        return Problem(path, "must be a list of tables: write [[sources]]")
    return Problem(path, _CLAUSES.get(kind, "has a wrong value"))


def _without_tag(location: KeyPath) -> KeyPath:
    # Inside a union the location also names the member that was tried, which is no key of the file.
    match location:
        case ("sources", int(), "auth", str(), *_):
            return location[:3] + location[4:]
        case _:
            return location


def _unknown(location: KeyPath) -> str:
    table = tuple(part for part in location[:-1] if isinstance(part, str))
    known = list(_TABLES[table].model_fields)
    close = get_close_matches(str(location[-1]), known, n=1)
    hint = f"perhaps {close[0]} is meant" if close else f"known here: {', '.join(known)}"
    return f"is not a known key; {hint}"
