"""What is known of one request while it is served."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Exchange:
    """A request's identity, and what its access line will tell.

    `began` is in monotonic seconds; `sent` counts the body bytes that were handed to the client's connection, and
    `broken` says that the body is not whole.
    """

    request_id: str
    began: float
    source: str = "-"
    cache: str = "-"
    sent: int = 0
    broken: bool = False
