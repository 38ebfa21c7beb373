"""The part of a sorted list that a request asks for by `n` and `last` (spec.md, "Listing Tags")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from proxy.core.errors import RequestError
from proxy.core.targets import Target

_LONGEST_NUMBER = 18


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` names (None: all of them) that stand behind `last` in lexical order."""

    count: int | None
    last: str | None
    namespace: str | None

    @classmethod
    def parse(cls, target: Target) -> Window:
        """Read `n`, `last` and `ns`; RequestError where `n` is no number."""
        count = target.parameter("n")
        if count is not None and not (count.isascii() and count.isdigit()):
            raise RequestError("n must be a number of names, 0 or more")
        # More digits than any list has entries mean all of it; int() of thousands of them would cost.
        number = None if count is None else int(count.lstrip("0")[:_LONGEST_NUMBER] or "0")
        return cls(number, target.parameter("last"), target.parameter("ns"))

    def cut(self, names: Sequence[str], path: str) -> tuple[list[str], dict[str, str]]:
        """The names to show of a sorted list, and the Link to what comes behind them on the same path.

        All names when `n` is absent: some clients read one page only. `last` is always honoured, because a client
        that pages by it would loop for ever. The link is a path on whatever address the client reached us by.
        """
        shown = [name for name in names if self.last is None or name > self.last]
        if self.count is None or len(shown) <= self.count:
            return shown, {}
        shown = shown[: self.count]
        if not shown:
            return shown, {}
        following = {"n": str(self.count), "last": shown[-1]}
        if self.namespace is not None:
            following["ns"] = self.namespace
        return shown, {"Link": f'<{quote(path)}?{urlencode(following)}>; rel="next"'}
