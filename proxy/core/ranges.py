"""Byte ranges: one at a time, as RFC 9110 section 14 has them."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.core.errors import RangeNotSatisfiable

_LONGEST_NUMBER = 19


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to but not including `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class RangeSpec:
    """A syntactically right single range: `first-last`, `first-` (last is None) or `-suffix` (first is None)."""

    first: int | None
    last: int | None

    def resolve(self, size: int) -> Span:
        """The bytes meant in content of this size; RangeNotSatisfiable if there are none."""
        if self.first is None:
            start, stop = max(0, size - (self.last or 0)), size
        else:
            start, stop = self.first, size if self.last is None else min(self.last + 1, size)
        if start >= stop:
            raise RangeNotSatisfiable(size)
        return Span(start, stop)


def parse_range(header: str | None) -> RangeSpec | None:
    """The one range a Range header asks for.

    None, which means the whole content, where there is no header, another unit, several ranges or wrong
    syntax: RFC 9110 section 14.2 lets a server ignore the first three and demands it for the last.
    """
    if header is None:
        return None
    unit, equals, spec = header.partition("=")
    if not equals or unit.strip().lower() != "bytes" or "," in spec:
        return None
    first, dash, last = spec.strip().partition("-")
    if not dash or not all(part == "" or _is_number(part) for part in (first, last)):
        return None
    if not first:
        return RangeSpec(None, int(last)) if last else None
    if last and int(last) < int(first):
        return None
    return RangeSpec(int(first), int(last) if last else None)


def parse_content_range(header: str | None) -> tuple[Span, int | None] | None:
    """The bytes that a 206 says it holds, and the whole size if it says that too; None if it makes no sense."""
    if header is None:
        return None
    unit, _, rest = header.strip().partition(" ")
    span, slash, total = rest.strip().partition("/")
    first, dash, last = span.partition("-")
    if unit.lower() != "bytes" or not slash or not dash or not _is_number(first) or not _is_number(last):
        return None
    if total != "*" and not _is_number(total):
        return None
    size = None if total == "*" else int(total)
    found = Span(int(first), int(last) + 1)
    if found.length <= 0 or (size is not None and found.stop > size):
        return None
    return found, size


def _is_number(text: str) -> bool:
    # str.isdigit alone admits Unicode digits, which int() reads as well.
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
