"""What a row's figures are and what they should come to, as ratios or bounds that a report can check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Goal(Protocol):
    """A target beside a figure."""

    def text(self) -> str:
        """The target as people read it."""

    def is_met(self, figure: Figure, ours: float, others: Mapping[str, float]) -> bool | None:
        """Whether it is met; None where the one to compare with was not measured."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a row gives for each server."""

    name: str
    unit: str
    more_is_better: bool
    goals: tuple[Goal, ...] = ()

    def speed(self, ours: float, other: float) -> float:
        """How many times as good ours is: above 1 it is the better one, whichever way the figure runs."""
        better, worse = (ours, other) if self.more_is_better else (other, ours)
        return better / worse if worse else float("inf")


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `ratio` times as good as another."""

    ratio: float
    other: str

    def text(self) -> str:
        """As in a table."""
        return f"≥ {self.ratio:g} x {self.other}"

    def is_met(self, figure: Figure, ours: float, others: Mapping[str, float]) -> bool | None:
        """None where the other was not measured."""
        if self.other not in others:
            return None
        return figure.speed(ours, others[self.other]) >= self.ratio


@dataclass(frozen=True, slots=True)
class AtMost:
    """No more than `bound`, in the figure's unit."""

    bound: float

    def text(self) -> str:
        """As in a table."""
        return f"≤ {self.bound:g}"

    def is_met(self, figure: Figure, ours: float, others: Mapping[str, float]) -> bool | None:  # noqa: ARG002 -- Goal
        """Always decided."""
        return ours <= self.bound


@dataclass(frozen=True, slots=True)
class Behind:
    """At most `margin` more than another, in the figure's unit."""

    margin: float
    other: str

    def text(self) -> str:
        """As in a table."""
        return f"< {self.other} + {self.margin:g}"

    def is_met(self, figure: Figure, ours: float, others: Mapping[str, float]) -> bool | None:  # noqa: ARG002 -- Goal
        """None where the other was not measured."""
        if self.other not in others:
            return None
        return ours < others[self.other] + self.margin


def readable(number: float) -> str:
    """A figure in three significant digits, and with none after the point from a hundred on."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
