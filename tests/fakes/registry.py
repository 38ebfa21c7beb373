"""A scriptable registry: the pull and discovery side of the distribution specification 1.1, over `FakeServer`."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from fakes.access import Access, Open
from fakes.answers import Answer, Recorded, error_answer, json_answer
from fakes.content import Content, Held, Pattern
from fakes.server import FakeServer, is_ping

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_EMPTY_INDEX = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}).encode()


@dataclass(frozen=True, slots=True)
class _Manifest:
    media_type: str
    content: bytes


@dataclass(slots=True)
class _Repository:
    """What one repository holds; a tag leads to one digest a media type."""

    blobs: dict[str, tuple[Content, float | None]] = field(default_factory=dict)
    manifests: dict[str, _Manifest] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    referrers: dict[str, bytes] = field(default_factory=dict)


class FakeRegistry(FakeServer):
    """An upstream registry whose content, access rule and faults a test sets.

    `etags` adds an ETag and honours If-None-Match. `page_size` cuts tag lists into pages with an opaque cursor.
    `referrers=False` answers the referrers API with 404, as registries from before 1.1 do.
    """

    def __init__(
        self,
        access: Access | None = None,
        *,
        etags: bool = False,
        page_size: int | None = None,
        referrers: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.access: Access = access if access is not None else Open()
        self.etags = etags
        self.page_size = page_size
        self.referrers = referrers
        self._repositories: dict[str, _Repository] = {}

    def add_blob(self, repository: str, content: bytes, algorithm: str = "sha256") -> str:
        """Hold a blob in a repository; returns its digest."""
        digest = _digest(content, algorithm)
        self._repository(repository).blobs[digest] = (Held(content), None)
        return digest

    def add_pattern_blob(
        self, repository: str, size: int, seed: int = 0, *, rate: float | None = None, algorithm: str = "sha256"
    ) -> str:
        """Hold a blob of any size without memory, sent at `rate` bytes a second; returns its digest."""
        pattern = Pattern(size, seed)
        digest = pattern.digest(algorithm)
        self._repository(repository).blobs[digest] = (pattern, rate)
        return digest

    def add_manifest(
        self, repository: str, content: bytes, media_type: str, *tags: str, algorithm: str = "sha256"
    ) -> str:
        """Hold a manifest under its digest and these tags; returns the digest."""
        digest = _digest(content, algorithm)
        self._repository(repository).manifests[digest] = _Manifest(media_type, content)
        for tag in tags:
            self.set_tag(repository, tag, digest)
        return digest

    def set_tag(self, repository: str, tag: str, *digests: str) -> None:
        """Let a tag lead to a manifest, or to several of different media types, picked by Accept."""
        held = self._repository(repository)
        held.tags[tag] = {held.manifests[digest].media_type: digest for digest in digests}

    def remove_tag(self, repository: str, tag: str) -> None:
        """Forget a tag; the manifest stays reachable by digest."""
        del self._repository(repository).tags[tag]

    def add_referrers(self, repository: str, digest: str, index: bytes) -> None:
        """Answer the referrers of a digest with these bytes."""
        self._repository(repository).referrers[digest] = index

    def answer(self, request: Recorded) -> Answer:
        """The right answer of a registry that lets this request in."""
        if is_ping(request):
            return self.access.refusal(request, None) or json_answer({})
        repository, kind, reference = _split(request.path)
        if repository is None:
            return error_answer(404, "NAME_UNKNOWN", "no such path")
        refusal = self.access.refusal(request, repository)
        if refusal is not None:
            return refusal
        if request.method not in {"GET", "HEAD"}:
            return error_answer(405, "UNSUPPORTED", "this registry is read only")
        held = self._repositories.get(repository)
        if held is None:
            return error_answer(404, "NAME_UNKNOWN", "no such repository")
        match kind:
            case "blobs":
                return self._blob(held, reference)
            case "manifests":
                return self._manifest(held, reference, request)
            case "tags":
                return self._tags(repository, held, request)
            case _:
                return self._referrers(held, reference)

    def _repository(self, name: str) -> _Repository:
        return self._repositories.setdefault(name, _Repository())

    def _blob(self, held: _Repository, digest: str) -> Answer:
        found = held.blobs.get(digest)
        if found is None:
            return error_answer(404, "BLOB_UNKNOWN", "no such blob")
        content, rate = found
        headers = [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest)]
        headers.append(("Accept-Ranges", "bytes"))
        if self.etags:
            headers.append(("ETag", f'"{digest}"'))
        return Answer(200, tuple(headers), content, ranges=True, rate=rate)

    def _manifest(self, held: _Repository, reference: str, request: Recorded) -> Answer:
        digest: str | None = reference
        if ":" not in reference:
            digest = _negotiate(held.tags.get(reference, {}), request.headers.get("accept", ""))
        manifest = None if digest is None else held.manifests.get(digest)
        if digest is None or manifest is None:
            return error_answer(404, "MANIFEST_UNKNOWN", "no such manifest, or none of an accepted type")
        answer = Answer(
            200,
            (("Content-Type", manifest.media_type), ("Docker-Content-Digest", digest)),
            Held(manifest.content),
        )
        if not self.etags:
            return answer
        tag = f'"{digest}"'
        answer = replace(answer, headers=(*answer.headers, ("ETag", tag)))
        if request.headers.get("if-none-match") in {tag, digest}:
            return replace(answer, status=304, content=Held())
        return answer

    def _tags(self, repository: str, held: _Repository, request: Recorded) -> Answer:
        cursor = request.parameter("cursor")
        last = base64.urlsafe_b64decode(cursor).decode() if cursor else request.parameter("last") or ""
        asked = request.parameter("n")
        following = [tag for tag in sorted(held.tags) if tag > last]
        limits = [int(asked)] if asked is not None else []
        if self.page_size is not None:
            limits.append(self.page_size)
        page = following[: min(limits)] if limits else following
        headers: list[tuple[str, str]] = []
        if page and len(page) < len(following):
            opaque = base64.urlsafe_b64encode(page[-1].encode()).decode()
            size = "" if asked is None else f"&n={asked}"
            target = f"/v2/{repository}/tags/list?cursor={quote(opaque)}{size}"
            headers.append(("Link", f'<{target}>; rel="next"'))
        return json_answer({"name": repository, "tags": page}, *headers)

    def _referrers(self, held: _Repository, digest: str) -> Answer:
        if not self.referrers:
            return error_answer(404, "UNSUPPORTED", "no referrers here")
        body = Held(held.referrers.get(digest, _EMPTY_INDEX))
        return Answer(200, (("Content-Type", INDEX_TYPE),), body)


def _digest(content: bytes, algorithm: str) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def _split(path: str) -> tuple[str | None, str, str]:
    """Repository, kind and reference; the repository is None where the path is no content's."""
    parts = path.split("/")
    if len(parts) < 5 or parts[:2] != ["", "v2"]:
        return None, "", ""
    repository, kind, reference = "/".join(parts[2:-2]), parts[-2], parts[-1]
    if kind not in {"blobs", "manifests", "referrers", "tags"} or (kind == "tags" and reference != "list"):
        return None, "", ""
    return repository, kind, reference


def _negotiate(choices: dict[str, str], accept: str) -> str | None:
    """The digest to serve: the first accepted type in the client's order; a lone choice is served regardless."""
    if len(choices) <= 1 or not accept:
        return next(iter(choices.values()), None)
    wanted = [part.partition(";")[0].strip() for part in accept.split(",")]
    for media_type in wanted:
        if media_type in choices:
            return choices[media_type]
    return next(iter(choices.values())) if "*/*" in wanted else None
