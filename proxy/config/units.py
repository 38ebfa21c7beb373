"""Lengths of time as people write them in a configuration file: `5s`, `1h30m`, `forever`."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator

FOREVER = "forever"
# About three thousand years: whoever wants more means forever, and sums with it stay exact.
LONGEST = 10.0**11
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_WRITTEN = re.compile("".join(rf"(?:([0-9]{{1,12}}){unit})?" for unit, _ in _UNITS))
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]+)?(?:e-[0-9]+)?")


def parse_duration(value: object) -> float:
    """The seconds meant by `1d`, `1h30m`, `forever` (infinite) or a plain number; ValueError for anything else.

    Units go from long to short, each at most once. The value is not repeated in the error.
    """
    seconds = _seconds(value)
    if seconds is None or math.isnan(seconds) or seconds < 0:
        raise ValueError('must be a duration such as "30s", "10m", "1h30m", "1d" or "forever"')
    if LONGEST < seconds < math.inf:
        raise ValueError('is too long a duration: write "forever"')
    return seconds


def format_duration(seconds: float) -> str:
    """The text that `parse_duration` reads back as exactly this many seconds."""
    if seconds == math.inf:
        return FOREVER
    if seconds != int(seconds):
        return repr(seconds)
    rest, parts = int(seconds), ""
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        parts += f"{count}{unit}" if count else ""
    return parts or "0s"


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return _written(value)
    # In Python true is also the number 1.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of a file has no upper bound, a float has one.
    return float(value) if value == math.inf or value <= LONGEST else 2 * LONGEST


def _written(text: str) -> float | None:
    if text == FOREVER:
        return math.inf
    if _NUMBER.fullmatch(text):
        return float(text)
    found = _WRITTEN.fullmatch(text)
    if not text or found is None:
        return None
    return float(sum(int(count or 0) * size for count, (_, size) in zip(found.groups(), _UNITS, strict=True)))


Duration = Annotated[float, BeforeValidator(parse_duration)]
