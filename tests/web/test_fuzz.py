"""Made-up requests by the thousand: never a failure of ours, never a file but our own."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import pytest
from fakes.wire import Wire, WireError
from web.site import Site, serving

_DIGEST = "sha256:" + "ab" * 32
_PIECES = (
    rf"""
    .. . %2e %2E%2e %2f %5c \ %00 %0d%0a %25 %252e %c0%ae %ff % %zz // ..a %C3%A9 # + ~ * ' " < > | ^ ` {{ @ ; :
    v2 v2/ manifests blobs tags list referrers a b a/b v1 latest test docker.io localhost localhost:5000 - health
    ? & = ?n=1 ?n=-1 &last=a ?ns=127.0.0.1 ?ns=evil.test artifactType=x A __ -- _catalog {"x" * 130} {"x" * 300}
    sha256: sha512: {_DIGEST} {_DIGEST.upper()}
    """
).split()
_SKELETONS = [
    *(
        "/v2/{}/manifests/v1",
        "/v2/a/b/manifests/{}",
        "/v2/a/b/blobs/{}",
        "/v2/a/{}/tags/list",
        "/v2/a/b/{}/v1",
        "/v2/{}",
    ),
    *(
        "/v2/test/{}/b/tags/list",
        "/v2/a/b/referrers/{}",
        "/v2/a/b/manifests/v1?{}",
        "/v2/a/b/tags/list?{}",
        "/-/{}",
        "/{}",
    ),
]
_PLAIN = [
    "a",
    "a/b",
    "v1",
    "latest",
    _DIGEST,
    "test",
    "n=1",
    "last=a",
    "ns=evil.test",
    "health",
    "manifests",
    "docker.io",
]
_BYTES = "".join(map(chr, range(0x21, 0x7F)))
_HEADERS = (
    [("Range", value) for value in ("bytes=0-0", "bytes=5-2", "bytes=-1", "bytes=0-,1-", "x", "bytes=99999999-")]
    + [("If-None-Match", value) for value in ("*", f'"{_DIGEST}"', "W/", '"', ",,")]
    + [("If-Range", value) for value in (f'"{_DIGEST}"', "x")]
    + [("Accept", value) for value in ("*/*", "text/html", ";q=0", "a/b;q=0,", ",,,", "x" * 500)]
    + [("Host", value) for value in ("evil.test", "localhost:x", "", "[::1]:1", "localhost", "127.0.0.1:9")]
    + [("Origin", "null"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "none"), ("Upgrade", "h2c")]
    + [("Content-Length", value) for value in ("0", "x", "-1")]
    + [
        ("Authorization", "Basic x"),
        ("Cookie", "a=b"),
        ("Expect", "100-continue"),
        ("Connection", "close"),
        ("TE", "x"),
    ]
)
_BATCH = 64
_OWN_FILES = re.compile(
    r"blobs(/sha(256|512)(/[0-9a-f]{2}(/[0-9a-f]{64,128})?)?)?|entries(/[0-9a-f]{2}(/[0-9a-f]{64})?)?"
    r"|partial(/sha(256|512)-[0-9a-f]{64,128})?|run(/lock)?|version"
)


def _target(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(_SKELETONS).format(chance.choice(_PIECES if chance.random() < 0.5 else _PLAIN))
    pieces = ["/v2/"] if chance.random() < 0.8 else ["/"]
    for _ in range(chance.randrange(1, 8)):
        roll = chance.random()
        if roll < 0.75:
            pieces.append(chance.choice(_PIECES))
        elif roll < 0.9:
            pieces.append("".join(chance.choices(_BYTES, k=chance.randrange(1, 12))))
        else:
            pieces.append(f"%{chance.randrange(256):02x}")
        if chance.random() < 0.6:
            pieces.append("/")
    return "".join(pieces)


def _request(chance: random.Random) -> tuple[str, bytes]:
    """A method and the bytes of a request with it."""
    method = chance.choices(["GET", "HEAD", "POST", "OPTIONS"], [90, 20, 2, 2])[0]
    headers = dict([("Host", "localhost"), *chance.choices(_HEADERS, k=chance.choice([0, 0, 0, 1, 2, 4]))])
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return method, f"{method} {_target(chance)} HTTP/1.1\r\n{text}\r\n".encode("latin-1")


async def _judge(site: Site, requests: list[tuple[str, bytes]]) -> dict[int, int]:
    """How many answers had which status; requests behind one that closed the connection are sent again."""
    statuses: dict[int, int] = {}
    while requests:
        answered = 0
        async with await Wire.connect(site.proxy.url) as wire:
            wire.writer.write(b"".join(raw for _, raw in requests))
            for method, raw in requests:
                try:
                    answer = await wire.answer(method)
                except WireError:
                    break
                assert answer.status < 500, raw
                statuses[answer.status] = statuses.get(answer.status, 0) + 1
                answered += 1
        assert answered, requests[0]
        requests = requests[answered:]
    return statuses


class _Watch:
    """The files that the process opens for writing while it is on. An audit hook cannot be taken off again."""

    def __init__(self) -> None:
        self.on = True
        self.opened: set[str] = set()
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.on and event == "open" and isinstance(arguments[0], str):
            self.opened.add(arguments[0])


async def _fuzz(folder: Path, *, count: int, seed: int) -> None:
    chance = random.Random(seed)
    statuses: dict[int, int] = {}
    watch = _Watch()
    try:
        async with serving(folder) as site:
            for begin in range(0, count, _BATCH):
                batch = [_request(chance) for _ in range(min(_BATCH, count - begin))]
                for status, number in (await _judge(site, batch)).items():
                    statuses[status] = statuses.get(status, 0) + number
                site.upstream.clear()
            files = site.files()
    finally:
        watch.on = False
    print(f"seed {seed}, {count} requests, answers by status: {dict(sorted(statuses.items()))}")
    assert sum(statuses.values()) == count
    assert {200, 400, 404, 405, 421} <= set(statuses)
    assert [name for name in files if not _OWN_FILES.fullmatch(name)] == []
    assert sorted(path.name for path in folder.iterdir()) == ["data"]
    outside = [path for path in watch.opened if path.startswith("/") and not path.startswith(str(folder / "data"))]
    assert [path for path in outside if "/etc/" in path or str(folder) in path] == []


async def test_fuzzed_requests(tmp_path: Path) -> None:
    """5,000 requests made of hostile pieces: none fails on our side, and no file but ours is made or opened."""
    await _fuzz(tmp_path, count=5_000, seed=20_261_122)


@pytest.mark.proof
@pytest.mark.timeout(7200)
async def test_a_million_fuzzed_requests(tmp_path: Path) -> None:
    """The same with 1,000,000."""
    await _fuzz(tmp_path, count=1_000_000, seed=random.SystemRandom().randrange(2**32))
