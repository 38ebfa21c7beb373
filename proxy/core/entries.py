"""What the cache knows of a name: which content it stands for, since when, and in answer to what."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from proxy.core.accept import ANYTHING, Accepts
from proxy.core.digest import Digest

_MOST_ANSWERS = 8


class Key(NamedTuple):
    """The identity of a name in the cache.

    Made of the source's type and upstream address, never of its configured name: renaming a source loses
    nothing, and every form of URL for one object leads to one key.
    """

    source_type: str
    base: str
    kind: str
    name: str
    reference: str

    @property
    def hashed(self) -> str:
        """The name on disk: user text never becomes a file name."""
        return hashlib.sha256("\n".join(self).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer the upstream gave for a name.

    `size` is in bytes, None where the upstream did not say; `fetched` in seconds since the epoch. Not `verified`
    is what a HEAD alone taught: it answers HEADs for a while, until bytes hash to its digest.
    """

    digest: Digest
    size: int | None
    media_type: str
    fetched: float
    source: str
    etag: str | None = None
    asked: Accepts = ANYTHING
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """All answers held for one key, the newest first: those of different types, or to questions too different."""

    key: Key
    entries: tuple[Entry, ...] = ()

    def find(self, accepts: Accepts) -> Entry | None:
        """The answer that the upstream would give to this question, as far as is known."""
        return next((entry for entry in self.entries if entry.asked.settles(accepts, entry.media_type)), None)

    def admitted(self, accepts: Accepts) -> list[Entry]:
        """Every answer the client takes, newest first: for when the upstream cannot be asked."""
        taken = [entry for entry in self.entries if accepts.admits(entry.media_type)]
        return sorted(taken, key=lambda entry: entry.fetched, reverse=True)

    def with_entry(self, entry: Entry) -> Record:
        """This record with the answer put first, in the place of those of its type that it covers.

        What a HEAD taught displaces nothing that was verified: should its bytes never come, that still stands in.
        """
        others = [other for other in self.entries if not _displaces(entry, other)]
        return replace(self, entries=(entry, *others[: _MOST_ANSWERS - 1]))


def _displaces(entry: Entry, other: Entry) -> bool:
    answers_the_same = entry.media_type == other.media_type and entry.asked.settles(other.asked, entry.media_type)
    return answers_the_same and (entry.verified or not other.verified)


class Decision(Enum):
    """What to do about a request, given what is held."""

    HIT = "hit"
    REVALIDATE = "revalidate"
    STALE = "stale"
    MISS = "miss"


def decide(entry: Entry | None, *, now: float, lifetime: float, reachable: bool) -> Decision:
    """Whether a held answer is fresh. `lifetime` is in seconds, infinite for what its digest names.

    A fetch time in the future, from a clock that was set back, counts as stale. Where the upstream cannot be
    asked (offline, or it wants to be left alone), stale is as good as it gets.
    """
    if entry is None:
        return Decision.MISS
    if lifetime == math.inf or 0 <= now - entry.fetched < lifetime:
        return Decision.HIT
    return Decision.REVALIDATE if reachable else Decision.STALE


def may_stand_in(entry: Entry, *, now: float, lifetime: float, stale_if_error: float) -> bool:
    """Whether an answer that is stale for this long may be served in place of a failure (RFC 5861 section 4)."""
    return now - entry.fetched <= lifetime + stale_if_error
