"""A configuration file as it stands on disk: its tables, the lines of its keys, and who else can read it."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.config.lines import KeyPath, key_lines
from proxy.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Document:
    """What was read; `folder` is what relative paths in it are relative to."""

    table: Mapping[str, object]
    lines: Mapping[KeyPath, int]
    folder: Path
    readable_by_others: bool


NOTHING_WRITTEN = Document({}, {}, Path(), readable_by_others=False)


def read_document(path: Path) -> Document:
    """Read a TOML file; ConfigError if it is missing, unreadable, not UTF-8 or not TOML.

    Its text stays out of the error and out of the error's cause, because it may hold secrets.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except OSError as error:
        failure = f"The configuration file {path} cannot be read: {error.strerror}."
    else:
        table, text, failure = _parse(content, path)
        if not failure:
            others = bool(mode & (stat.S_IRGRP | stat.S_IROTH))
            return Document(table, key_lines(text), path.absolute().parent, readable_by_others=others)
    # Raised here and not where it was caught: what was caught holds the text.
    raise ConfigError((failure,))


def _parse(content: bytes, path: Path) -> tuple[dict[str, object], str, str]:
    try:
        text = content.decode()
        return tomllib.loads(text), text, ""
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return {}, "", f"The configuration file {path} is not UTF-8 text (line {line})."
    except RecursionError:
        return {}, "", f"The configuration file {path} nests lists or tables too deeply."
    except ValueError as error:
        return {}, "", f"The configuration file {path} is not valid TOML: {error}."
