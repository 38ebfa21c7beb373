"""How long a source that limits requests is left alone."""

from __future__ import annotations

import math

from proxy.core.clock import Clock

LONGEST_SILENCE = 3600.0
"""Seconds after which one request tries whether a longer limit still holds."""

_TRIAL = 60.0


class Silence:
    """What a source last said of when it may be asked again.

    It is believed for an hour. After that single requests try, a minute apart, so that one figure that was wrong
    costs no whole day of that source.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._next_try = 0.0
        self._told = 0.0

    def begin(self, seconds: int) -> None:
        """The source wants to be left alone for so long from now on."""
        self._told = self._clock.monotonic()
        self._until = self._told + seconds
        self._next_try = self._told + min(seconds, LONGEST_SILENCE)

    def left(self) -> int:
        """The seconds that the caller has to leave the source alone; with 0 it may ask, and others wait for it."""
        now = self._clock.monotonic()
        if now >= self._until:
            return 0
        if now >= self._next_try:
            self._next_try = now + _TRIAL
            return 0
        return math.ceil(self._until - now)

    def end(self, asked: float) -> None:
        """A request sent at this monotonic second was answered: what the source had said before does not hold."""
        if asked > self._told:
            self._until = 0.0
