"""A published image before a proxy: what most tests of the pipeline begin with."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from fakes.clock import FakeClock
from fakes.content import Pattern
from fakes.registry import INDEX_TYPE, MANIFEST_TYPE, FakeRegistry
from fakes.wire import WireAnswer, ask

REPOSITORY = "team/app"
PREFIX = f"/v2/test/{REPOSITORY}"
TAG_TTL = 60.0
SMALL_SIZE = 1000
LARGE_SIZE = 700 * 1024
_LONGEST_PAUSE = 60.0


class SwiftClock(FakeClock):
    """A fake clock that nobody waits for between two attempts; `pauses` are the seconds that were asked for.

    Longer sleeps are background work's, which waits until the clock is moved.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note the pause and let others run once."""
        if seconds > _LONGEST_PAUSE:
            await super().sleep(seconds)
            return
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Image:
    """What a repository was given: a manifest under a tag, and the blobs below it."""

    manifest: bytes
    manifest_digest: str
    small: bytes
    small_digest: str
    large: bytes = field(repr=False)
    large_digest: str = ""


def image_manifest(label: str) -> bytes:
    """A well-formed image manifest; another label gives another digest."""
    descriptor = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:" + "0" * 64, "size": 2}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor,
        "layers": [descriptor],
        "annotations": {"label": label},
    }
    return json.dumps(document).encode()


def image_index(label: str) -> bytes:
    """A well-formed index; another label gives another digest."""
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [], "annotations": {"label": label}}
    return json.dumps(document).encode()


def publish(upstream: FakeRegistry, repository: str = REPOSITORY, tag: str = "v1", label: str = "first") -> Image:
    """Put an image into a fake registry."""
    manifest = image_manifest(label)
    small = Pattern(SMALL_SIZE, seed=len(label)).read(0, SMALL_SIZE)
    large = Pattern(LARGE_SIZE, seed=len(label)).read(0, LARGE_SIZE)
    return Image(
        manifest,
        upstream.add_manifest(repository, manifest, MANIFEST_TYPE, tag),
        small,
        upstream.add_blob(repository, small),
        large,
        upstream.add_blob(repository, large),
    )


async def get(url: str, target: str, *, accept: str | None = None, **headers: str) -> WireAnswer:
    """GET on a connection of its own; keyword names become header names."""
    return await ask(url, target, headers=_lines(accept, headers))


async def head(url: str, target: str, *, accept: str | None = None, **headers: str) -> WireAnswer:
    """HEAD on a connection of its own."""
    return await ask(url, target, method="HEAD", headers=_lines(accept, headers))


async def stored(url: str, target: str) -> None:
    """Return once this object is served from the store and no longer from a download that is being closed."""
    while "fwd" in ((await head(url, target)).header("Cache-Status") or "fwd"):
        pass


def error_of(answer: WireAnswer) -> tuple[str, str]:
    """Code and message of an error document."""
    (error,) = json.loads(answer.body)["errors"]
    return error["code"], error["message"]


def tags_of(answer: WireAnswer) -> list[str]:
    """The tags in a tag list."""
    tags: list[str] = json.loads(answer.body)["tags"]
    return tags


def _lines(accept: str | None, headers: dict[str, str]) -> list[tuple[str, str]]:
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lines if accept is None else [("Accept", accept), *lines]
