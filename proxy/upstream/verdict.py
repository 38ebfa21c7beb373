"""What a source's status means for us: a pure table, and the words that go with it."""

from __future__ import annotations

from http import HTTPStatus

from proxy.core.errors import SourceBroken, SourceDenied, SourceError, SourceMissing, SourceUnreachable

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
# A range can be asked for without a range, and a slow request again.
_ASK_OTHERWISE = frozenset({HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, HTTPStatus.REQUEST_TIMEOUT})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def judge(
    status: int, *, usable: frozenset[int], source: str, path: str, credential: str, redirected: bool
) -> SourceError | None:
    """The error in a status, None if it is a `usable` one. `path` is the source's own, never a redirect's.

    Behind a redirect to somebody else only 2xx counts: that a store of files does not find or allow something
    says nothing about whether the registry has it.
    """
    if status in usable:
        return None
    what = f"source {source} answered {status} for {path}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _ASK_OTHERWISE:
        return SourceUnreachable(what)
    if redirected:
        return SourceBroken(f"source {source} redirects {path} to a place that answers {status}")
    if status in _GONE:
        return SourceMissing(f"source {source} does not have {path}")
    if status in _REFUSED:
        return SourceDenied(
            f"{what} (used: {credential}); log in to it, or check that the account may read this, "
            "and that the name is right: some registries answer so for what does not exist"
        )
    return SourceBroken(what)
