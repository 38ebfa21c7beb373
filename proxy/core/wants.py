"""What a request means, once a source has read it: one object to serve, or an answer to put together.

A source turns a request into one of these values; the pipeline serves them all in the same way. Nothing here
knows a protocol: what differs between manifests, blobs and lists stands in the values.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proxy.core.accept import ANYTHING, Accepts
from proxy.core.digest import Digest
from proxy.core.entries import Key


@dataclass(frozen=True, slots=True)
class Kind:
    """What all objects of one sort share.

    `limit` is the most bytes one may have. `whole` ones are small and are verified before the status line, so
    that their failure is a real error answer. `missing` is the error code of a 404.
    """

    name: str
    limit: int
    whole: bool
    missing: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where something lives: a source by its configured name, and the path and query below its address.

    `repository` is what a token has to cover; `accept` the header to send. With `stay`, a redirect to somebody
    else means that the source has no such thing: what lives elsewhere is not what was asked for.
    """

    source: str
    path: str
    repository: str
    accept: str | None = None
    stay: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What a source's headers say of an object, before its bytes are known: a hint, never a proof."""

    digest: Digest
    size: int | None
    media_type: str | None


ReadHead = Callable[[Mapping[str, str], int | None], Claim | None]
"""Reads headers and the body's length; None where they do not even claim a digest."""

Recognise = Callable[[bytes, str | None], str]
"""Checks whole content with its declared type; gives the true media type or raises SourceBroken."""


@dataclass(frozen=True, slots=True)
class Want:
    """One object: its key, where it lives, how it is recognised as right, how long it stays fresh.

    `digest` is what the bytes must hash to, where the name says so. `lifetime` is in seconds, infinite for
    digests. `read_head` says what a source claims; `recognise` checks content beyond its digest. `pin` gives,
    for a mutable name, the Want of the content it stands for at the moment.
    """

    key: Key
    kind: Kind
    place: Place
    lifetime: float
    read_head: ReadHead
    digest: Digest | None = None
    accepts: Accepts = ANYTHING
    recognise: Recognise | None = None
    pin: Callable[[Digest], Want] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One small answer from a source: its body and the headers that a list can depend on."""

    body: bytes
    media_type: str | None
    headers: Mapping[str, str]


class Ask(Protocol):
    """Asks a source for one page on behalf of an assembled answer; raises SourceError."""

    async def __call__(self, place: Place, limit: int) -> Page: ...


@dataclass(frozen=True, slots=True)
class Presented:
    """An assembled answer as one request gets it: its body, type and own headers."""

    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assembled:
    """An answer made from several upstream answers, itself cached under `key` for `lifetime` seconds.

    `assemble` makes the content to keep; `present` cuts from it what this request asked for; `from_held`,
    where there is one, makes a partial content out of names held here, for when the source cannot be asked.
    """

    key: Key
    kind: Kind
    source: str
    lifetime: float
    media_type: str
    assemble: Callable[[Ask], Awaitable[bytes]]
    present: Callable[[bytes], Presented]
    from_held: tuple[Key, Callable[[tuple[str, ...]], bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer that needs no upstream and no cache, such as a version check."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Held:
    """An answer made of the names that are held here; no source is asked.

    `present` gets, for one type of source, the address and name of everything of which one of the kinds is held.
    """

    source_type: str
    kinds: frozenset[str]
    present: Callable[[Sequence[tuple[str, str]]], Presented]


Meaning = Want | Assembled | Ready | Held
