"""The one thing this layer needs from HTTP, given to it by the upstream layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FetchReply:
    """A whole small response. The body may hold a token, so it is not shown."""

    status: int
    challenges: tuple[str, ...]
    """Every WWW-Authenticate value, in order."""
    body: bytes = field(repr=False)
    retry_after: str | None
    """The Retry-After header as sent: seconds or a date (RFC 9110 section 10.2.3)."""


class Fetch(Protocol):
    """One request for one small response."""

    async def __call__(
        self, url: str, *, headers: Mapping[str, str], form: Mapping[str, str] | None, limit: int
    ) -> FetchReply:
        """GET, or POST where there is a form; the body is at most `limit` bytes.

        Follows no redirect with a credential. Raises SourceUnreachable or SourceTimeout where no response
        came, and SourceBroken where its body is longer than the limit.
        """
        ...
