"""What the pipeline gives for a request, before it is dressed for a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.cache.bodies import Body
from proxy.core.digest import Digest


@dataclass(frozen=True, slots=True)
class Trace:
    """How the answer came about, in the words of Cache-Status (RFC 9211 section 2).

    `forward` is why the source was asked (None: it was not), `collapsed` that another request asked for us,
    `detail` what else there is to know.
    """

    forward: str | None = None
    stored: bool = False
    collapsed: bool = False
    stale: bool = False
    detail: str | None = None

    def header(self) -> str:
        """The header's value."""
        parts = ["moorage", "hit" if self.forward is None else f"fwd={self.forward}"]
        parts += ["stored"] * self.stored + ["collapsed"] * self.collapsed
        if self.stale:
            parts.append(f"detail={self.detail or 'stale'}")
        return "; ".join(parts)


HIT = Trace()
MISS = Trace("miss")
STALE = Trace(stale=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """A body and what is known of it. `size` is in bytes, None while unknown; `body` is None for HEAD."""

    media_type: str
    size: int | None
    body: Body | None
    trace: Trace = HIT
    digest: Digest | None = None
    source: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of the body; may be called more than once by nobody but its sender."""
        if self.body is not None:
            self.body.close()
