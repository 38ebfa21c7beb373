"""What the fault tests share: content, answers judged, a data folder searched for wrong files, and impatient time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

from fakes.answers import Recorded
from fakes.clock import FakeClock
from fakes.registry import MANIFEST_TYPE, FakeRegistry
from fakes.wire import Wire, WireAnswer, WireError, ask

REPOSITORY = "team/app"


_HOUR = 3600


class ImpatientClock(FakeClock):
    """Pauses between attempts take no time; limits never end, and what is done each hour never comes."""

    async def sleep(self, seconds: float) -> None:
        if seconds >= _HOUR:
            await asyncio.get_running_loop().create_future()
        self.advance(seconds)
        await asyncio.sleep(0)


def content_of(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression or shift leaves as they are."""
    return random.Random(seed).randbytes(size)


def manifest_of(seed: int = 1) -> bytes:
    """A small image manifest."""
    layer = {"mediaType": "application/octet-stream", "digest": f"sha256:{seed:064x}", "size": seed}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": layer, "layers": [layer]}
    return json.dumps(manifest).encode()


def blob(digest: str, repository: str = REPOSITORY) -> str:
    """Where a blob of the source `test` is asked for."""
    return f"/v2/test/{repository}/blobs/{digest}"


async def outcome(url: str, target: str, content: bytes) -> str:
    """What a client got: `right`, `short`, or `error NNN`. A complete wrong answer is an AssertionError."""
    try:
        answer = await ask(url, target)
    except WireError:
        return "short"
    return judged(answer, content)


def judged(answer: WireAnswer, content: bytes) -> str:
    """The same for an answer at hand."""
    if answer.status >= 400:
        assert answer.complete
        return f"error {answer.status}"
    assert answer.status == 200
    if not answer.complete:
        return "short"
    assert answer.body == content, "a complete wrong answer"
    return "right"


def wrong_files(data_dir: Path) -> list[Path]:
    """Every stored blob whose content does not hash to its name."""
    wrong = []
    for path in (data_dir / "blobs").rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found = hashlib.file_digest(file, path.parts[-3]).hexdigest()
            if found != path.name:
                wrong.append(path)
    return wrong


def stored(data_dir: Path, digest: str) -> Path:
    """Where a blob lies when it is held."""
    algorithm, _, hexadecimal = digest.partition(":")
    return data_dir / "blobs" / algorithm / hexadecimal[:2] / hexadecimal


def partials(data_dir: Path) -> list[Path]:
    """The downloads that lie unfinished."""
    return sorted((data_dir / "partial").iterdir())


def range_starts(upstream: FakeRegistry) -> list[int | None]:
    """For each GET of a blob, the offset that it asked for; None for the whole."""
    return [_range_start(request) for request in upstream.requests if "/blobs/" in request.path]


def _range_start(request: Recorded) -> int | None:
    asked = request.headers.get("range")
    return None if asked is None else int(asked.removeprefix("bytes=").partition("-")[0])


async def begun(url: str, target: str) -> tuple[Wire, int]:
    """A client that has asked and holds the first piece of the body, of that many bytes."""
    wire = await Wire.connect(url)
    await wire.request("GET", target)
    head = await wire.head()
    assert head.status == 200
    async for piece in wire.body(head):
        return wire, len(piece)
    raise AssertionError("no byte of the body came")


def serving() -> int:
    """How many connections of clients the program in this process is serving."""
    return sum("RequestHandler.start" in repr(task.get_coro()) for task in asyncio.all_tasks())


def open_descriptors() -> int:
    """How many files and sockets this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something holds that no event tells."""
    while not condition():
        await asyncio.sleep(0)
