"""Which sources fail just now: so that nobody waits again for what has just failed, and the log says it once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from proxy.core.clock import Clock
from proxy.core.errors import Offline, SourceError, SourceUnreachable

REST = 10.0
"""Seconds for which a source that could not be reached is not asked about what is held anyway."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: SourceError
    since: float


class Health:
    """The last failure of each source, until it answers again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, _Failure] = {}

    def failed(self, source: str, error: SourceError) -> None:
        """A source failed; said when it begins to, and when it fails in another way.

        Being offline is no failure: that was asked for.
        """
        if isinstance(error, Offline):
            return
        before = self._failures.get(source)
        if before is None or type(before.error) is not type(error):
            _logger.warning("%s; what is held is served as stale", error.message)
        self._failures[source] = _Failure(error, self._clock.monotonic())

    def answered(self, source: str) -> None:
        """A source gave a usable answer."""
        if self._failures.pop(source, None) is not None:
            _logger.info("source %s answers again", source)

    def check(self, source: str) -> None:
        """Raises the failure to reach a source as long as it is recent: asking again would be waiting again."""
        last = self._failures.get(source)
        if last is None or not isinstance(last.error, SourceUnreachable):
            return
        if self._clock.monotonic() - last.since < REST:
            raise last.error
