"""What a client reads when something is wrong: the status, the code, the reason, and what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fakes.access import Bearer, ConstantToken
from fakes.faults import CutAfter, Fault, Headers, Html200, Stall, Status, WrongBytes
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.tokens import FakeTokenService
from pipeline.scene import PREFIX, Image, SwiftClock, error_of, get, publish

_BASIC: Mapping[str, object] = {"type": "basic", "username": "alice", "password": "correct horse"}
_BEARER: Mapping[str, object] = {"type": "bearer", "token": "a-very-fixed-token"}
_NONE: Mapping[str, object] = {"type": "none"}
_DOCKER: Mapping[str, object] = {"type": "docker"}
_UNREACHABLE = "The source is unreachable"
_WRONG = "The source sent something wrong"


@dataclass(frozen=True, slots=True)
class Case:
    """A fault of the source, what is asked for, and what the client must be told."""

    fault: Fault
    target: str
    status: int
    code: str
    words: tuple[str, ...]
    reason: str | None = None
    auth: Mapping[str, object] = field(default_factory=lambda: _NONE)
    retry_after: str | None = None


_ABSENT = "sha256:" + "a" * 64
_CASES = (
    Case(Status(404), "manifests/v1", 404, "MANIFEST_UNKNOWN", ("does not have /v2/team/app/manifests/v1",)),
    Case(Status(404), f"blobs/{_ABSENT}", 404, "BLOB_UNKNOWN", (f"does not have /v2/team/app/blobs/{_ABSENT}",)),
    Case(Status(404), "tags/list", 404, "NAME_UNKNOWN", ("does not have /v2/team/app/tags/list",)),
    *(
        Case(Status(status), target, 403, "DENIED", (f"answered {status}", credential, "log in to it"), auth=auth)
        for status in (401, 403)
        for target in ("manifests/v1", "large")
        for auth, credential in (
            (_NONE, "auth type none: anonymous access"),
            (_DOCKER, "no credential found: anonymous access"),
            (_BASIC, "the source's configuration"),
            (_BEARER, "the source's configuration"),
        )
    ),
    *(
        Case(Status(status), target, 502, "UNAVAILABLE", (f"answered {status}",), _UNREACHABLE)
        for status in (500, 503)
        for target in ("manifests/v1", "small", "large", "tags/list")
    ),
    *(
        Case(Status(status), target, 502, "UNAVAILABLE", (f"answered {status}",), _WRONG)
        for status in (204, 418)
        for target in ("manifests/v1", "small", "tags/list")
    ),
    *(
        Case(Status(429, (("Retry-After", "77"),)), target, 429, "TOOMANYREQUESTS", ("77 seconds",), retry_after="77")
        for target in ("manifests/v1", "small", "large", "tags/list")
    ),
    *(
        Case(fault, target, 502, "UNAVAILABLE", ("broke the connection off",), _UNREACHABLE)
        for fault in (CutAfter(None), CutAfter(None, reset=True))
        for target in ("manifests/v1", "small", "large", "tags/list")
    ),
    *(
        Case(WrongBytes(40), target, 502, "UNAVAILABLE", ("sent content of digest", "in place of"), _WRONG)
        for target in ("digest", "manifests/v1", "small")
    ),
    Case(Html200(), "manifests/v1", 502, "UNAVAILABLE", ("manifest",), _WRONG),
    Case(Html200(), "tags/list", 502, "UNAVAILABLE", ("tag list",), _WRONG),
    Case(Html200(), f"referrers/{_ABSENT}", 502, "UNAVAILABLE", ("referrers",), _WRONG),
    Case(Headers((("Content-Type", "text/html"),)), "manifests/v1", 502, "UNAVAILABLE", ("manifest",), _WRONG),
)


def _path(target: str, image: Image) -> str:
    names = {
        "digest": f"manifests/{image.manifest_digest}",
        "small": f"blobs/{image.small_digest}",
        "large": f"blobs/{image.large_digest}",
    }
    return f"{PREFIX}/{names.get(target, target)}"


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.fault} {case.target[:9]} {case.auth['type']}")
async def test_each_failure_is_told(case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Status, code, reason phrase and words are the table's; the source is named, and the log says the same."""
    environ = {"HOME": str(tmp_path / "home")}
    async with FakeRegistry() as upstream:
        image = publish(upstream)
        upstream.always("/v2/team/", case.fault)
        settings = source(upstream.url, "named", auth=dict(case.auth))
        async with running(tmp_path / "data", settings, clock=SwiftClock(), environ=environ) as proxy:
            answer = await get(proxy.url, _path(case.target, image).replace("/test/", "/named/"))
    code, message = error_of(answer)
    assert (answer.status, code) == (case.status, case.code)
    assert "source named" in message
    assert not [words for words in case.words if words not in message]
    assert answer.header("Retry-After") == case.retry_after
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("WWW-Authenticate") is None
    if case.reason is not None:
        assert answer.head.reason == case.reason
        request_id = answer.header("X-Request-Id")
        assert [line for line in caplog.messages if message in line and str(request_id) in line]


async def test_a_manifest_of_the_wrong_digest_names_both(tmp_path: Path) -> None:
    """The digest that was asked for and the one that came both stand in the message."""
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url)) as proxy:
        image = publish(upstream)
        upstream.always("/v2/", WrongBytes(40))
        for digest in (image.manifest_digest, image.small_digest):
            kind = "manifests" if digest == image.manifest_digest else "blobs"
            answer = await get(proxy.url, f"{PREFIX}/{kind}/{digest}")
            assert answer.status == 502
            assert digest in error_of(answer)[1]
            assert error_of(answer)[1].count("sha256:") == 2


async def test_no_connection_is_told(tmp_path: Path) -> None:
    """A refused connection and a name that does not resolve are 502, each in its own words."""
    async with FakeRegistry() as upstream:
        publish(upstream)
        gone = upstream.url
    sources = source(gone, "gone"), source("http://registry.invalid", "nameless")
    async with running(tmp_path, *sources, clock=SwiftClock()) as proxy:
        for name, words in (("gone", "cannot be reached"), ("nameless", "cannot be resolved")):
            for target in ("manifests/v1", f"blobs/{_ABSENT}", "tags/list"):
                answer = await get(proxy.url, f"/v2/{name}/team/app/{target}")
                assert (answer.status, answer.head.reason) == (502, _UNREACHABLE)
                assert words in error_of(answer)[1]
                assert f"source {name}" in error_of(answer)[1]


async def test_a_silent_source_is_told(tmp_path: Path) -> None:
    """A time-out is 504."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream, running(tmp_path, source(upstream.url), clock=clock) as proxy:
        publish(upstream)
        upstream.always("/v2/", Stall())
        asked = asyncio.create_task(get(proxy.url, f"{PREFIX}/manifests/v1"))
        await upstream.seen()
        clock.advance(30.1)
        answer = await asked
        assert (answer.status, answer.head.reason) == (504, "The source timed out")
        assert "source test" in error_of(answer)[1]


@pytest.mark.parametrize("target", ["manifests/v1", f"manifests/{_ABSENT}", f"blobs/{_ABSENT}", "tags/list"])
async def test_offline_names_what_is_missing(target: str, tmp_path: Path) -> None:
    """Offline, and not held: 504 with a sentence of its own, which names the thing."""
    async with running(tmp_path, source("http://127.0.0.1:9"), cache={"offline": True}) as proxy:
        answer = await get(proxy.url, f"{PREFIX}/{target}")
    code, message = error_of(answer)
    assert (answer.status, answer.head.reason, code) == (504, "Offline and not cached", "UNAVAILABLE")
    assert f"/v2/team/app/{target}" in message
    assert "source test" in message


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_of_the_token_service_is_told(status: int, tmp_path: Path) -> None:
    """Its 401 and 403 are 403, naming the service, the scope and where the credential came from."""
    async with FakeTokenService({"alice": "another word"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        publish(upstream)
        tokens.always("/token", Status(status))
        async with running(tmp_path, source(upstream.url, auth=dict(_BASIC))) as proxy:
            for target in ("manifests/v1", f"blobs/{_ABSENT}", "tags/list"):
                answer = await get(proxy.url, f"{PREFIX}/{target}")
                code, message = error_of(answer)
                assert (answer.status, code) == (403, "DENIED")
                for words in ("source test", tokens.host, "repository:team/app:pull", "the source's configuration"):
                    assert words in message


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (Status(500), 502, _UNREACHABLE),
        (CutAfter(None), 502, _UNREACHABLE),
        (Html200(), 502, _WRONG),
        (Status(200, (), b"{}"), 502, _WRONG),
        (Status(200, (), b'{"token": "a\\r\\nX-Injected: 1"}'), 502, _WRONG),
        (Status(200, (), b'{"token": "' + b"x" * 100_000 + b'"}'), 502, _WRONG),
        (Status(302, (("Location", "/token2"),)), 502, _WRONG),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_broken_token_service_is_told(fault: Fault, status: int, reason: str, tmp_path: Path) -> None:
    """Whatever it sends in place of a token is 502, bounded, and reaches no header."""
    async with FakeTokenService({"alice": "correct horse"}) as tokens, FakeRegistry(Bearer(tokens)) as upstream:
        publish(upstream)
        tokens.always("/token", fault)
        async with running(tmp_path, source(upstream.url, auth=dict(_BASIC)), clock=SwiftClock()) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/manifests/v1")
        assert (answer.status, answer.head.reason) == (status, reason)
        assert "source test" in error_of(answer)[1]
        assert not [request for request in upstream.requests if "x-injected" in request.headers]


async def test_a_wrong_fixed_token_is_told(tmp_path: Path) -> None:
    """A bearer token that the source refuses: 403 in words, and the token is in none of them."""
    async with FakeRegistry(ConstantToken("the-right-token")) as upstream:
        publish(upstream)
        async with running(tmp_path, source(upstream.url, auth=dict(_BEARER))) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/manifests/v1")
    assert (answer.status, error_of(answer)[0]) == (403, "DENIED")
    assert "a-very-fixed-token" not in json.dumps(error_of(answer))
