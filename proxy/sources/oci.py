"""The OCI source: what requests of the distribution specification mean (spec.md, "Pull", "Content Discovery")."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from proxy.core.accept import ANYTHING, media_type_of
from proxy.core.digest import Digest
from proxy.core.entries import Key
from proxy.core.errors import Missing, RequestError
from proxy.core.names import is_tag
from proxy.core.targets import encode_path
from proxy.core.wants import Assembled, Claim, Kind, Meaning, Place, Want
from proxy.sources import referrers, tags
from proxy.sources.base import Request
from proxy.sources.lists import Pages
from proxy.sources.manifests import LIMIT, SAYS_NOTHING, recognise_manifest
from proxy.sources.window import Window

SOURCE_TYPE = "oci"

MANIFEST = Kind("manifest", limit=LIMIT, whole=True, missing="MANIFEST_UNKNOWN")
BLOB = Kind("blob", limit=20 * 1024**3, whole=False, missing="BLOB_UNKNOWN")
TAG_LIST = Kind("tags", limit=64 * 1024**2, whole=True, missing="NAME_UNKNOWN")
REFERRERS = Kind("referrers", limit=64 * 1024**2, whole=True, missing="MANIFEST_UNKNOWN")
TAG = "tag"
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
# Whatever the upstream calls a blob: a manifest's type on a blob has poisoned clients' stores (containerd#13007).
BLOB_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class OciRequest:
    """A request after routing: the name as the client wrote it, the upstream's name, the reference."""

    asked_name: str
    name: str
    reference: str
    request: Request


@dataclass(frozen=True, slots=True)
class OciSource:
    """One configured registry. `base` is its address without a trailing slash; `tag_ttl` is in seconds."""

    name: str
    base: str
    hosts: frozenset[str]
    default: bool
    tag_ttl: float

    @property
    def prefix(self) -> str:
        """What names of this registry begin with here: its host, or the source's name where no path can hold that."""
        if "docker.io" in self.hosts:
            return "docker.io"
        return next((host for host in sorted(self.hosts) if ":" not in host), self.name)

    def upstream_name(self, components: tuple[str, ...]) -> str:
        """The repository's name upstream: Docker Hub keeps its one-component names under `library/`."""
        if len(components) == 1 and not self.hosts.isdisjoint(_DOCKER_HUB):
            return f"library/{components[0]}"
        return "/".join(components)

    def read(self, action: str, asked: OciRequest) -> Meaning:
        """What an action of `ACTIONS` on a repository means."""
        return ACTIONS[action](self, asked)

    def manifest(self, asked: OciRequest) -> Want:
        """A manifest by digest, or by tag: a mutable name that stands for one of a digest."""
        reference = asked.reference
        if ":" in reference:
            pinned = self._pinned_manifest(asked.name, _digest(reference))
            return replace(pinned, accepts=asked.request.accepts)
        if not is_tag(reference):
            # 404 and not 400: the conformance suite asks for `.INVALID_MANIFEST_NAME`.
            raise Missing(f"no manifest can be named {reference[:255]!r}", code="MANIFEST_UNKNOWN")
        return Want(
            key=self._key(TAG, asked.name, reference),
            kind=MANIFEST,
            place=self._place(asked.name, "manifests", reference, accept=asked.request.accepts.header()),
            lifetime=self.tag_ttl,
            read_head=_read_manifest_head,
            accepts=asked.request.accepts,
            recognise=recognise_manifest,
            pin=lambda digest: self._pinned_manifest(asked.name, digest),
        )

    def blob(self, asked: OciRequest) -> Want:
        """A blob, readable only in a repository that gave it: its key holds the repository."""
        digest = _digest(asked.reference)
        return Want(
            key=self._key(BLOB.name, asked.name, str(digest)),
            kind=BLOB,
            place=self._place(asked.name, "blobs", str(digest)),
            lifetime=math.inf,
            read_head=lambda headers, length: _read_blob_head(headers, length, digest),
            digest=digest,
        )

    def tag_list(self, asked: OciRequest) -> Assembled:
        """All tags, merged over the upstream's pages; `n` and `last` are answered here."""
        window = Window.parse(asked.request.target)
        first = self._place(asked.name, "tags", "list")
        pages = Pages(replace(first, path=first.path + "?n=1000"), base_path=urlsplit(self.base).path)
        return Assembled(
            key=self._key(TAG_LIST.name, asked.name, ""),
            kind=TAG_LIST,
            source=self.name,
            lifetime=self.tag_ttl,
            media_type="application/json",
            assemble=lambda ask: tags.assemble(pages, ask),
            present=lambda content: tags.present(content, asked.asked_name, window),
            from_held=(self._key(TAG, asked.name, ""), tags.from_names),
        )

    def referrers(self, asked: OciRequest) -> Assembled:
        """What refers to a manifest; filters are answered here from the whole list."""
        digest = _digest(asked.reference)
        artifact_type = asked.request.target.parameter("artifactType")
        # ghcr.io redirects this to a web page of another host, which is no answer.
        first = self._place(asked.name, "referrers", str(digest), accept=referrers.MEDIA_TYPE)
        pages = Pages(replace(first, stay=True), base_path=urlsplit(self.base).path)
        tag = referrers.fallback_tag(digest)
        fallback = self._place(asked.name, "manifests", tag, accept=referrers.MEDIA_TYPE)
        return Assembled(
            key=self._key(REFERRERS.name, asked.name, str(digest)),
            kind=REFERRERS,
            source=self.name,
            lifetime=self.tag_ttl,
            media_type=referrers.MEDIA_TYPE,
            assemble=lambda ask: referrers.assemble(pages, fallback, digest, ask),
            present=lambda content: referrers.present(content, artifact_type),
        )

    def _pinned_manifest(self, name: str, digest: Digest) -> Want:
        return Want(
            key=self._key(MANIFEST.name, name, str(digest)),
            kind=MANIFEST,
            place=self._place(name, "manifests", str(digest), accept=ANYTHING.header()),
            lifetime=math.inf,
            read_head=_read_manifest_head,
            digest=digest,
            recognise=recognise_manifest,
        )

    def _key(self, kind: str, name: str, reference: str) -> Key:
        return Key(SOURCE_TYPE, self.base, kind, name, reference)

    def _place(self, name: str, action: str, reference: str, accept: str | None = None) -> Place:
        path = encode_path(("v2", *name.split("/"), action, reference))
        return Place(self.name, path, name, accept)


ACTIONS: dict[str, Callable[[OciSource, OciRequest], Meaning]] = {
    "manifests": OciSource.manifest,
    "blobs": OciSource.blob,
    "tags": OciSource.tag_list,
    "referrers": OciSource.referrers,
}


def _read_manifest_head(headers: Mapping[str, str], length: int | None) -> Claim | None:
    """A HEAD that names digest, length and type answers a client in full; anything less answers nobody.

    A type that says nothing about a manifest is none: what the content says itself would differ from it.
    """
    media_type = media_type_of(headers.get("Content-Type"))
    if media_type in SAYS_NOTHING:
        media_type = None
    digest = _told_digest(headers)
    return None if digest is None else Claim(digest, length, media_type)


def _read_blob_head(headers: Mapping[str, str], length: int | None, digest: Digest) -> Claim | None:
    """What a 200 claims of a blob; nothing where it is a web page, or says that it is another blob.

    A HEAD opens what others brought here, so a server that answers 200 to everything must not count.
    """
    told = _told_digest(headers)
    contradicts = told is not None and told.algorithm == digest.algorithm and told != digest
    if contradicts or "html" in headers.get("Content-Type", "").lower():
        return None
    return Claim(digest, length, BLOB_TYPE)


def _told_digest(headers: Mapping[str, str]) -> Digest | None:
    try:
        return Digest.parse(headers.get("Docker-Content-Digest", ""))
    except ValueError:
        return None


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except ValueError as wrong:
        raise RequestError(str(wrong), code="DIGEST_INVALID") from None
