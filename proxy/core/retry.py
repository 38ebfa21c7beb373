"""When to ask an upstream again: bounded attempts, jittered pauses, and its own word about when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_ASKED = 86_400
PAUSE_UNLESS_ASKED = 10


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and how patiently. `first_pause` and `longest_pause` are seconds."""

    attempts: int = 3
    first_pause: float = 0.2
    longest_pause: float = 3.0

    def pause(self, failures: int, jitter: Callable[[], float]) -> float | None:
        """Seconds to wait after this many failures in a row, None when it is enough.

        Doubles each time; the jitter, between 0 and 1, keeps many waiting clients from coming back together.
        """
        if failures >= self.attempts:
            return None
        ceiling = min(self.longest_pause, self.first_pause * 2.0 ** (failures - 1))
        return ceiling * (0.5 + jitter() / 2)


def parse_retry_after(header: str | None, *, now: float) -> int:
    """Seconds an upstream asks to be left alone, between 1 and a day (RFC 9110 section 10.2.3).

    Both forms are read, a number and a date; nonsense counts as ten seconds.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return max(1, min(int(text[:9]), LONGEST_PAUSE_ASKED))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return PAUSE_UNLESS_ASKED
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    seconds = (date - datetime.fromtimestamp(now, UTC)).total_seconds()
    return int(max(1, min(seconds, LONGEST_PAUSE_ASKED)))
