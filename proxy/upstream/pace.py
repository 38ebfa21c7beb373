"""The least speed of a download. A read timeout alone never fires on a byte now and then (measured)."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.core.errors import SourceTimeout


@dataclass(slots=True)
class Pace:
    """Counts bytes against the time spent waiting for them; `floor` in bytes a second, `window` in seconds."""

    source: str
    floor: float = 1000.0
    window: float = 60.0
    _waited: float = 0.0
    _received: int = 0

    def add(self, waited: float, received: int) -> None:
        """Take up one read; SourceTimeout if a whole window was slower than the floor."""
        self._waited += waited
        self._received += received
        if self._waited >= self.window:
            if self._received < self.floor * self._waited:
                raise SourceTimeout(f"source {self.source} sent less than {self.floor:.0f} bytes a second")
            self._waited, self._received = 0.0, 0
