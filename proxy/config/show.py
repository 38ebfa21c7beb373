"""The configuration that is in effect, as TOML text that can be loaded again once the secrets are put back."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

from proxy.config.model import Config
from proxy.config.units import format_duration

REDACTED = "***"


def render(config: Config) -> str:
    """Every key with its value, defaults included; each secret is shown as `***`."""
    tables = [*_table("[server]", config.server), *_table("[cache]", config.cache), *_table("[log]", config.log)]
    for source in config.sources:
        tables += _table("[[sources]]", source)
        tables += _table("[sources.auth]", source.auth)
    return "\n".join(tables)


def _table(header: str, table: BaseModel) -> Iterator[str]:
    keys = type(table).model_fields
    values = {key: getattr(table, key) for key in keys}
    lines = [f"{key} = {_literal(value)}\n" for key, value in values.items() if not isinstance(value, BaseModel)]
    yield f"{header}\n{''.join(lines)}"


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _string(format_duration(value))
    return _string(REDACTED if isinstance(value, SecretStr) else str(value))


def _string(text: str) -> str:
    # A basic string of TOML is one of JSON, but for characters that no checked value holds.
    return json.dumps(text, ensure_ascii=False)
