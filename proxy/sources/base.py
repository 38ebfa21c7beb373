"""What a source reads and what it promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from proxy.core.accept import Accepts
from proxy.core.targets import Target
from proxy.core.wants import Meaning


@dataclass(frozen=True, slots=True)
class Request:
    """As much of a client's request as may decide what is served: no credential, no cookie, no address."""

    target: Target
    accepts: Accepts


class Source(Protocol):
    """One kind of registry."""

    def match(self, request: Request) -> Meaning:
        """What the request means; RequestError where it means nothing."""
        ...
