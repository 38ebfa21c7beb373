"""Which media types a client takes, and which earlier answer may serve it.

A registry answers one tag with different manifests, depending on Accept. The answer is kept under the type
that came, together with what had been offered, and serves every client of whom it is known that the registry
would answer the same. The raw header is never a key (git-pkgs/proxy#249: every client version spells it in its
own way).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_SIGNED_V1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_V1 = "application/vnd.docker.distribution.manifest.v1+json"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SIGNED_V1, DOCKER_V1)

_WILDCARDS = frozenset({"*/*", "application/*"})
_MOST_TYPES = 24
# Each half of a media type's name has 127 characters at most (RFC 6838 section 4.2).
_LONGEST_TYPE = 255


@dataclass(frozen=True, slots=True)
class Accepts:
    """The media types a client names, and whether it takes any other as well."""

    types: frozenset[str]
    anything: bool

    def admits(self, media_type: str) -> bool:
        """Whether content of this type may be sent to the client."""
        return self.anything or media_type in self.types

    def covers(self, narrower: Accepts) -> bool:
        """Whether an answer to this question is also the answer to the narrower one, if its type is admitted."""
        return narrower.types <= self.types and (self.anything or not narrower.anything)

    def settles(self, other: Accepts, media_type: str) -> bool:
        """Whether an answer of this type, given to this question, is the answer to the other question as well.

        Registries turn what they hold into something else only where a client takes no index: an index is handed
        out as it is, and so is whatever comes when every kind of index was offered.
        """
        as_held = media_type in INDEX_TYPES or self.types >= INDEX_TYPES
        return other.admits(media_type) and (as_held or self.covers(other))

    def header(self) -> str:
        """The Accept header for the upstream, in an order that does not depend on the client's."""
        known = [media_type for media_type in MANIFEST_TYPES if media_type in self.types]
        other = sorted(self.types.difference(MANIFEST_TYPES))
        return ", ".join([*known, *other, *(["*/*"] if self.anything else [])])


ANYTHING = Accepts(frozenset(MANIFEST_TYPES), anything=True)


def parse_accept(values: Iterable[str]) -> Accepts:
    """What Accept headers ask for; none at all, or a wildcard, means anything (RFC 9110 section 12.5.1).

    Weights order nothing here: registries ignore them. A weight of zero takes a type out.
    """
    named: set[str] = set()
    anything = False
    for part in ",".join(values).split(","):
        media_type, _, parameters = part.partition(";")
        media_type = media_type.strip().lower()
        if not media_type or _is_taken_out(parameters):
            continue
        if media_type in _WILDCARDS:
            anything = True
        elif len(named) < _MOST_TYPES and _is_media_type(media_type):
            named.add(media_type)
    if anything or not named:
        return ANYTHING if named <= ANYTHING.types else Accepts(ANYTHING.types | named, anything=True)
    return Accepts(frozenset(named), anything=False)


def media_type_of(header: str | None) -> str | None:
    """The media type a Content-Type names, without parameters; None if it has none or an odd form."""
    if header is None:
        return None
    media_type = header.partition(";")[0].strip().lower()
    return media_type if _is_media_type(media_type) else None


def _is_taken_out(parameters: str) -> bool:
    """Whether the parameters of a media range give it no weight (RFC 9110 section 12.4.2)."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            weight = value.strip()
            return weight.startswith("0") and not weight.strip("0.")
    return False


def _is_media_type(text: str) -> bool:
    kind, slash, subtype = text.partition("/")
    allowed = (
        text.isascii()
        and text.replace("/", "").replace("+", "").replace(".", "").replace("-", "").replace("_", "").isalnum()
    )
    return bool(kind and slash and subtype) and "/" not in subtype and allowed and len(text) <= _LONGEST_TYPE
