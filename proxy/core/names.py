"""Repository names and tags, by the grammar of the distribution specification (spec.md, "Pulling manifests")."""

from __future__ import annotations

import re

LONGEST_NAME = 255

# Each separator is followed by a character it cannot hold, so there is one way to match and no backtracking.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def is_repository(name: str) -> bool:
    """Whether the name could be a repository's; any depth, at most 255 characters."""
    return len(name) <= LONGEST_NAME and _REPOSITORY.fullmatch(name) is not None


def is_tag(text: str) -> bool:
    """Whether the text could be a tag."""
    return _TAG.fullmatch(text) is not None


def looks_like_host(component: str) -> bool:
    """Whether a first path component must mean a registry and can never be part of a name of the default one."""
    return "." in component or ":" in component or component == "localhost"
