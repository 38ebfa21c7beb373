"""The least speed of a download."""

from __future__ import annotations

import pytest

from proxy.core.errors import SourceTimeout
from proxy.upstream.pace import Pace


def test_a_crawl_is_ended_after_a_window() -> None:
    """A byte every second, for a minute, is too slow; the fifty-ninth second is still forgiven."""
    pace = Pace("test")
    for _ in range(59):
        pace.add(1.0, 1)
    with pytest.raises(SourceTimeout, match="source test sent less than 1000 bytes a second"):
        pace.add(1.0, 1)


def test_what_keeps_the_floor_goes_on() -> None:
    """A thousand bytes a second are enough for ever, in any portions."""
    pace = Pace("test")
    for _ in range(1000):
        pace.add(20.0, 20_000)


def test_only_waiting_counts() -> None:
    """However little has come, no time spent waiting for it is no crawl: a slow disk is not the source's fault."""
    pace = Pace("test")
    for _ in range(10_000):
        pace.add(0.0, 1)


def test_a_fast_start_does_not_pay_for_a_later_crawl() -> None:
    """Each window is judged by itself."""
    pace = Pace("test")
    pace.add(60.0, 10**9)
    for _ in range(59):
        pace.add(1.0, 10)
    with pytest.raises(SourceTimeout):
        pace.add(1.0, 10)
