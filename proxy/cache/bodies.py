"""Bodies: the three ways in which content is at hand. The web layer sends each by its cheapest means."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HeldBody:
    """Small content, in memory."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def close(self) -> None:
        """Nothing to let go."""


@dataclass(frozen=True, slots=True)
class FileBody:
    """Complete content in an open file, which stays readable when the name is removed meanwhile."""

    descriptor: int
    size: int

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


class StreamBody(Protocol):
    """Content that is still arriving. `size` is None while the upstream has not said."""

    @property
    def size(self) -> int | None: ...

    def read(self, start: int, stop: int | None) -> AsyncIterator[bytes | memoryview]:
        """The bytes from `start` up to `stop`, as they come and are allowed to leave.

        Raises when the content turns out wrong or stops coming: the connection is then closed short.
        """
        ...

    def close(self) -> None:
        """Stop following."""
        ...


Body = HeldBody | FileBody | StreamBody
