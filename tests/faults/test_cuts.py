"""A broken or lying upstream, as a table: right bytes, a clean error or a connection closed short, and nothing else.

After every fault nothing wrong is stored, the next request with the fault gone is right, and so is one offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.faults import (
    CutAfter,
    Fault,
    Gzipped,
    Html200,
    Longer,
    LyingRange,
    NoRange,
    Normal,
    Shorter,
    Together,
    Unsized,
    WrongBytes,
)
from fakes.registry import MANIFEST_TYPE, FakeRegistry
from fakes.running import running, source
from faults.program import REPOSITORY, ImpatientClock, blob, content_of, manifest_of, outcome, partials, wrong_files

_LARGE, _SMALL = content_of(1_500_000), content_of(100_000, seed=2)
_MANIFEST = manifest_of()
_KINDS = ["large blob", "small blob", "manifest by tag", "manifest by digest", "tag list"]
_CUTS = {"head": None, "0 %": 0, "1 byte": 1, "50 %": 0.5, "last byte": -1}
_RESUMES: dict[str, Fault] = {
    "allowed": Normal(),
    "refused": NoRange(),
    "lying, admitted": LyingRange(7, admits=True),
    "lying back, admitted": LyingRange(-7, admits=True),
    "lying": LyingRange(7),
    "lying back": LyingRange(-7),
}
_FAULTS: dict[str, Fault] = {
    "first bit wrong": WrongBytes(0),
    "last bit wrong": WrongBytes(-1),
    "a byte shorter": Shorter(1),
    "half as long": Shorter(750_000),
    "nothing": Shorter(1 << 30),
    "a byte longer": Longer(1),
    "a page longer": Longer(4096),
    "login page": Html200(),
    "compressed": Gzipped(),
    "chunked, first bit wrong": Together((Unsized(), WrongBytes(0))),
    "chunked, a byte shorter": Together((Unsized(), Shorter(1))),
    "chunked, a byte longer": Together((Unsized(), Longer(1))),
    "unsized, first bit wrong": Together((Unsized(chunked=False), WrongBytes(0))),
    "unsized, cut at 1 byte": Together((Unsized(chunked=False), CutAfter(1))),
    "unsized, cut before its end": Together((Unsized(chunked=False), Shorter(1))),
    "promises more": Shorter(1, honest=False),
    "cut again and again": CutAfter(1),
    "no answer again and again": CutAfter(None, reset=True),
}
_MENDED: dict[str, Fault] = {
    "chunked": Unsized(),
    "unsized": Unsized(chunked=False),
    "chunked, cut once": Together((Unsized(), CutAfter(1000))),
    "promises more once": Shorter(1, honest=False),
    "reset at 1 byte": CutAfter(1, reset=True),
    "reset before the head": CutAfter(None, reset=True),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked for, where the upstream has it, and what is right."""

    target: str
    upstream_path: str
    content: bytes


def _prepare(upstream: FakeRegistry, kind: str) -> Subject:
    digest = upstream.add_manifest(REPOSITORY, _MANIFEST, MANIFEST_TYPE, "v1", "v2")
    match kind:
        case "large blob" | "small blob":
            content = _LARGE if kind == "large blob" else _SMALL
            name = upstream.add_blob(REPOSITORY, content)
            return Subject(blob(name), f"/blobs/{name}", content)
        case "tag list":
            answer = b'{"name":"test/team/app","tags":["v1","v2"]}'
            return Subject(f"/v2/test/{REPOSITORY}/tags/list", "/tags/list", answer)
        case _:
            reference = "v1" if kind == "manifest by tag" else digest
            return Subject(f"/v2/test/{REPOSITORY}/manifests/{reference}", f"/manifests/{reference}", _MANIFEST)


async def _survives(upstream: FakeRegistry, data_dir: Path, subject: Subject) -> str:
    """Ask with the fault, again without it, and offline after a restart; what the first answer was."""
    settings = source(upstream.url)
    async with running(data_dir, settings, clock=ImpatientClock()) as proxy:
        first = await outcome(proxy.url, subject.target, subject.content)
        assert upstream.count("GET", subject.upstream_path) <= 6, "retries have a bound"
        assert wrong_files(data_dir) == []
        upstream.clear_faults()
        assert await outcome(proxy.url, subject.target, subject.content) == "right"
    assert wrong_files(data_dir) == []
    assert partials(data_dir) == []
    async with running(data_dir, settings, clock=ImpatientClock(), cache={"offline": True}) as proxy:
        assert await outcome(proxy.url, subject.target, subject.content) == "right"
    return first


@pytest.mark.parametrize(
    ("kind", "resume"),
    [(kind, resume) for kind in _KINDS for resume in _RESUMES if kind.endswith("blob") or resume == "allowed"],
)
@pytest.mark.parametrize("cut", _CUTS)
async def test_a_cut(tmp_path: Path, kind: str, cut: str, resume: str) -> None:
    """Cut once, and the resumption is honest, refused, or lies: the client gets the right bytes."""
    async with FakeRegistry() as upstream:
        subject = _prepare(upstream, kind)
        size = len(subject.content)
        match _CUTS[cut]:
            case None:
                after = None
            case float(share):
                after = int(size * share)
            case bytes_out:
                after = bytes_out if bytes_out >= 0 else size - 1
        upstream.always(subject.upstream_path, _RESUMES[resume])
        upstream.script(f"GET /v2/{REPOSITORY}{subject.upstream_path}", CutAfter(after))
        first = await _survives(upstream, tmp_path / "data", subject)
    print(f"{kind}, cut at {cut}, resumption {resume}: {first}")
    assert first == "right"


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.parametrize("kind", _KINDS)
async def test_a_lasting_fault(tmp_path: Path, kind: str, fault: str) -> None:
    """What is wrong every time is an error or a connection closed short; small things are always a clean error."""
    async with FakeRegistry() as upstream:
        subject = _prepare(upstream, kind)
        upstream.always(f"GET /v2/{REPOSITORY}{subject.upstream_path}", _FAULTS[fault])
        first = await _survives(upstream, tmp_path / "data", subject)
    print(f"{kind}, {fault}: {first}")
    if kind == "large blob":
        # With ranges honest, what is cut short each time but makes progress may still be put together.
        assert first in {"short", "error 502"} or (first == "right" and fault == "promises more")
    else:
        assert first == "error 502"


@pytest.mark.parametrize("fault", _MENDED)
@pytest.mark.parametrize("kind", _KINDS)
async def test_a_fault_that_does_not_matter(tmp_path: Path, kind: str, fault: str) -> None:
    """Odd framing and a single failure are made good: the client gets the right bytes."""
    async with FakeRegistry() as upstream:
        subject = _prepare(upstream, kind)
        pattern = f"GET /v2/{REPOSITORY}{subject.upstream_path}"
        if "once" in fault or "reset" in fault:
            upstream.script(pattern, _MENDED[fault])
        else:
            upstream.always(pattern, _MENDED[fault])
        assert await _survives(upstream, tmp_path / "data", subject) == "right"


@pytest.mark.parametrize("kind", _KINDS)
async def test_bytes_behind_the_end(tmp_path: Path, kind: str) -> None:
    """What follows the declared length is no part of the answer: it is left out, or the whole is refused."""
    async with FakeRegistry() as upstream:
        subject = _prepare(upstream, kind)
        upstream.always(f"GET /v2/{REPOSITORY}{subject.upstream_path}", Longer(1, honest=False))
        assert await _survives(upstream, tmp_path / "data", subject) in {"right", "error 502"}
