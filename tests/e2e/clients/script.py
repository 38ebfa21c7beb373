"""What a client does, as a value: the requests that it sends, in order, and what it takes for an answer."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fakes.images import INDEX_TYPE, MANIFEST_TYPE, Part
from fakes.wire import WireAnswer

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ALL_TYPES = (DOCKER_MANIFEST, DOCKER_LIST, MANIFEST_TYPE, INDEX_TYPE)

ALPINE_TAG = "3.20"
WASM_TAGS = ("0.2.0", "0.2.1", "latest")
BUSY_TAGS = tuple(sorted(f"build-{number}" for number in range(1200)))
SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"

Words = Mapping[str, object]
"""What the names in a script stand for: the images `alpine` and `wasm`, and `link`, where the last Link led."""


class Expected(Protocol):
    """What an answer must be for the client to go on."""

    def check(self, answer: WireAnswer, method: str, words: Words) -> None: ...


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of that name, such as `wasm.manifest`, with the headers that crane and containerd need."""

    part: str

    def check(self, answer: WireAnswer, method: str, words: Words) -> None:
        """Exact bytes under their own type; HEAD tells as much."""
        part = _part(self.part, words)
        assert answer.status == 200
        assert answer.header("Content-Type") == part.media_type
        _check_content(answer, method, part.digest, part.content)


@dataclass(frozen=True, slots=True)
class Blob:
    """The blob of that name, such as `wasm.layers[0]`, or with `stop` the bytes from `start` up to there."""

    part: str
    start: int = 0
    stop: int | None = None

    def check(self, answer: WireAnswer, method: str, words: Words) -> None:
        """Exact bytes that no coding was put on; a range says where it stands."""
        part = _part(self.part, words)
        content = part.content[self.start : self.stop]
        assert answer.header("Content-Type") == "application/octet-stream"
        assert answer.header("Content-Encoding") is None
        assert answer.header("Accept-Ranges") == "bytes"
        if answer.status == 206:
            end = self.start + len(content) - 1
            assert answer.header("Content-Range") == f"bytes {self.start}-{end}/{len(part.content)}"
        _check_content(answer, method, part.digest, content)


@dataclass(frozen=True, slots=True)
class Tags:
    """A tag list with these tags in this order."""

    tags: tuple[str, ...]
    linked: bool = False

    def check(self, answer: WireAnswer, method: str, words: Words) -> None:
        """A list, never null, with a link if more follow."""
        assert answer.status == 200
        assert json.loads(answer.body)["tags"] == list(self.tags)
        assert (answer.header("Link") is not None) == self.linked


@dataclass(frozen=True, slots=True)
class Referrers:
    """An index whose entries have these artifact types."""

    types: tuple[str, ...]

    def check(self, answer: WireAnswer, method: str, words: Words) -> None:
        """An index in every respect."""
        document = json.loads(answer.body)
        assert answer.status == 200
        assert answer.header("Content-Type") == document["mediaType"] == INDEX_TYPE
        assert document["schemaVersion"] == 2
        assert tuple(entry["artifactType"] for entry in document["manifests"]) == self.types


@dataclass(frozen=True, slots=True)
class Failure:
    """An error document with one error of this code."""

    status: int
    code: str

    def check(self, answer: WireAnswer, method: str, words: Words) -> None:
        """One error alone: clients decide by it."""
        assert answer.status == self.status
        assert answer.header("Content-Type") == "application/json"
        (error,) = json.loads(answer.body)["errors"]
        assert error["code"] == self.code


@dataclass(frozen=True, slots=True)
class Pong:
    """The root of the API, with nothing to log in to."""

    def check(self, answer: WireAnswer, method: str, words: Words) -> None:
        """200 exactly, and the old version header that old clients look for."""
        assert answer.status == 200
        assert answer.header("Docker-Distribution-Api-Version") == "registry/2.0"


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and the answer that lets the client go on.

    `path` is a template: `{wasm.manifest.digest}` stands for a digest, `{link}` for the last Link. `namespace` is
    the OCI-Namespace that must be answered, `status` the success that the client accepts, `offline` what to
    expect in place of a 404 where no source can be asked.
    """

    method: str
    path: str
    expected: Expected
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    namespace: str | None = None
    offline: Failure | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """Requests that the client sends at the same time, each on a connection of its own."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Client:
    """A client's whole visit. `cold` is how many requests upstream it may cost when nothing is cached."""

    name: str
    steps: tuple[Step | Together, ...]
    cold: int


OFFLINE = Failure(504, "UNAVAILABLE")


def _part(name: str, words: Words) -> Part:
    part, _ = string.Formatter().get_field(name, (), words)
    assert isinstance(part, Part)
    return part


def _check_content(answer: WireAnswer, method: str, digest: str, content: bytes) -> None:
    assert answer.header("Docker-Content-Digest") == digest
    assert answer.header("Content-Length") == str(len(content))
    assert answer.body == (b"" if method == "HEAD" else content)
