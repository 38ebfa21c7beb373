"""How an upstream goes wrong: small values that a test puts on a fake server's queue for a path."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field, replace
from typing import Protocol

from fakes.answers import Answer, Framing, Hold, Steps
from fakes.content import Flipped, Held, Padded, Window

_LOGIN_PAGE = b"<!doctype html><html><body><form>Please log in</form><script>1</script></body></html>"


class Fault(Protocol):
    """Something that turns a right answer into another one."""

    def spoil(self, answer: Answer) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Normal:
    """No fault: keeps a place in a queue."""

    def spoil(self, answer: Answer) -> Answer:
        return answer


@dataclass(frozen=True, slots=True)
class Together:
    """Several faults on one answer, applied in order."""

    faults: tuple[Fault, ...]

    def spoil(self, answer: Answer) -> Answer:
        for fault in self.faults:
            answer = fault.spoil(answer)
        return answer


@dataclass(frozen=True, slots=True)
class Status:
    """Another status, with headers and body of its own instead of the content's."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def spoil(self, answer: Answer) -> Answer:
        return Answer(self.code, self.headers, Held(self.body))


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect to another address."""

    location: str
    status: int = 307

    def spoil(self, answer: Answer) -> Answer:
        return Answer(self.status, (("Location", self.location),))


@dataclass(frozen=True, slots=True)
class Html200:
    """A login page with status 200 where content was asked for."""

    def spoil(self, answer: Answer) -> Answer:
        return Answer(200, (("Content-Type", "text/html; charset=utf-8"),), Held(_LOGIN_PAGE))


@dataclass(frozen=True, slots=True)
class Gzipped:
    """The content compressed, whatever Accept-Encoding said."""

    def spoil(self, answer: Answer) -> Answer:
        packed = gzip.compress(answer.content.read(0, answer.content.size), mtime=0)
        headers = (*answer.headers, ("Content-Encoding", "gzip"))
        return replace(answer, headers=headers, content=Held(packed), ranges=False)


@dataclass(frozen=True, slots=True)
class Headers:
    """Extra header lines, and names whose lines are left out; an extra line replaces the one of its name."""

    extra: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()

    def spoil(self, answer: Answer) -> Answer:
        replaced = {name.lower() for name, _ in self.extra}
        kept = tuple(line for line in answer.headers if line[0].lower() not in replaced)
        dropped = answer.dropped | {name.lower() for name in self.drop}
        return replace(answer, headers=kept + self.extra, dropped=dropped)


@dataclass(frozen=True, slots=True)
class Unsized:
    """No Content-Length: a chunked body, or with `chunked=False` one that only the closing ends."""

    chunked: bool = True

    def spoil(self, answer: Answer) -> Answer:
        return replace(answer, framing=Framing.CHUNKED if self.chunked else Framing.CLOSE)


@dataclass(frozen=True, slots=True)
class CutAfter:
    """The connection closes after that many bytes of the body (None: before the status line)."""

    body_bytes: int | None
    reset: bool = False

    def spoil(self, answer: Answer) -> Answer:
        after = -1 if self.body_bytes is None else self.body_bytes
        return replace(answer, cut_after=after, reset=self.reset)


@dataclass(frozen=True, slots=True)
class Gate:
    """The answer stops after that many bytes of the body, sets `reached`, and goes on once `opened` is set.

    With `after_bytes=None` it stops before the status line, with 0 between head and body.
    """

    after_bytes: int | None
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def spoil(self, answer: Answer) -> Answer:
        return replace(answer, holds=(*answer.holds, Hold(self.after_bytes, self.opened, self.reached)))


@dataclass(frozen=True, slots=True)
class Drip:
    """The body goes out `size` bytes at a time, one step for each `permits.release()`."""

    size: int
    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def spoil(self, answer: Answer) -> Answer:
        return replace(answer, steps=Steps(self.size, self.permits))


@dataclass(frozen=True, slots=True)
class Stall:
    """The request is read and never answered; the connection stays open until the other side closes it."""

    def spoil(self, answer: Answer) -> Answer:
        return replace(answer, silent=True)


@dataclass(frozen=True, slots=True)
class NoRange:
    """A Range is answered with 200 and the whole."""

    def spoil(self, answer: Answer) -> Answer:
        return replace(answer, ranges=False)


@dataclass(frozen=True, slots=True)
class LyingRange:
    """A 206 whose bytes start `shift` bytes beside the asked offset.

    Its Content-Range claims the asked offset, or with `admits=True` the one that is sent.
    """

    shift: int
    admits: bool = False

    def spoil(self, answer: Answer) -> Answer:
        return replace(answer, shift=self.shift, admits=self.admits)


@dataclass(frozen=True, slots=True)
class WrongBytes:
    """One bit of the content is wrong, in the byte at `flip` (negative: counted from the end)."""

    flip: int = 0

    def spoil(self, answer: Answer) -> Answer:
        position = self.flip if self.flip >= 0 else answer.content.size + self.flip
        return replace(answer, content=Flipped(answer.content, position))


@dataclass(frozen=True, slots=True)
class Shorter:
    """The last bytes are missing; Content-Length admits it, or with `honest=False` promises the whole."""

    missing: int
    honest: bool = True

    def spoil(self, answer: Answer) -> Answer:
        size = answer.content.size
        declared = None if self.honest else size
        content = Window(answer.content, 0, max(size - self.missing, 0))
        return replace(answer, content=content, declared=declared)


@dataclass(frozen=True, slots=True)
class Longer:
    """Some bytes too many follow; Content-Length counts them, or with `honest=False` leaves them out."""

    extra: int
    honest: bool = True

    def spoil(self, answer: Answer) -> Answer:
        declared = None if self.honest else answer.content.size
        return replace(answer, content=Padded(answer.content, self.extra), declared=declared)
