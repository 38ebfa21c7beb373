"""JSON from a file, a program or a token service, all of which should send an object of known fields."""

from __future__ import annotations

import json
from collections.abc import Mapping


def parse_object(content: bytes) -> dict[str, object]:
    """The object in the text; ValueError, without a word of the content, for anything else.

    Deep nesting and endless numbers end here as well, since a reply of 64 KiB has room for both.
    """
    try:
        value: object = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    return as_object(value)


def as_object(value: object) -> dict[str, object]:
    """A value that must be an object; ValueError if it is not."""
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - wrong text, not a wrong call
    return value


def text_field(fields: Mapping[str, object], name: str) -> str:
    """A field's text; empty where it is missing or is no string. ValueError if it could not be sent anywhere.

    JSON can spell half of a surrogate pair, which no encoding can.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"its {name!r} holds characters that do not exist") from None
    return value
