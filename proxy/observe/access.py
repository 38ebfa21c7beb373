"""The access log: one line for each request, written in batches.

A log call for each request costs a quarter of the throughput (measured); lines are put together by hand and
leave together, twice a second or a hundred at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from proxy.observe.log import one_line

_FLUSH_AFTER = 0.5
_BATCH = 100


@dataclass(frozen=True, slots=True)
class AccessLine:
    """One request. `finished` is seconds since the epoch, `seconds` how long it took.

    `sent` is the body bytes of the answer; 0 when the client left before its end, which `status` 499 tells.

    The path is logged without its query, and no header of the client's is: either may hold a secret.
    """

    finished: float
    request_id: str
    client: str
    method: str
    path: str
    status: int
    sent: int
    seconds: float
    source: str
    cache: str

    def as_text(self) -> str:
        """The line for people."""
        time, path = _second(int(self.finished)), one_line(self.path)
        return (
            f"{time} {self.client} {self.method} {path} {self.status} {self.sent} "
            f'{self.seconds * 1000:.1f}ms source={self.source} cache="{self.cache}" id={self.request_id}\n'
        )

    def as_json(self) -> str:
        """The line for machines."""
        fields = {
            "time": datetime.fromtimestamp(self.finished, UTC).isoformat(timespec="milliseconds"),
            "request_id": self.request_id,
            "client": self.client,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "sent": self.sent,
            "seconds": round(self.seconds, 6),
            "source": self.source,
            "cache": self.cache,
        }
        return json.dumps(fields, separators=(",", ":")) + "\n"


@functools.lru_cache(8)
def _second(time: int) -> str:
    """A time as text; all lines of one second share it, and making it costs more than the rest of a line."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class AccessLog:
    """Collects lines and writes them to a stream."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._format: Callable[[AccessLine], str] = AccessLine.as_json if as_json else AccessLine.as_text
        self._lines: list[AccessLine] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, line: AccessLine) -> None:
        """Take up a line."""
        self._lines.append(line)
        if len(self._lines) >= _BATCH:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_AFTER, self.flush)

    def flush(self) -> None:
        """Write what there is. A stream that refuses costs the lines, never the requests they tell of."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            lines, self._lines = self._lines, []
            with contextlib.suppress(OSError):
                self._stream.write("".join(map(self._format, lines)))
                self._stream.flush()
