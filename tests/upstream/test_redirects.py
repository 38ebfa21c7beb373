"""Redirects: followed without secrets, within bounds, and never told to anybody."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from fakes.access import Basic, Bearer, ConstantToken
from fakes.answers import Answer
from fakes.content import Held
from fakes.faults import CutAfter, Headers, Redirect, Status
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.server import FakeOrigin
from fakes.tokens import FakeTokenService
from pipeline.scene import LARGE_SIZE, PREFIX, REPOSITORY, SwiftClock, error_of, get, head, publish
from upstream.certificates import make_authority, server_context

_USER = {"type": "basic", "username": "alice", "password": "correct horse"}
_BLOB = b"kept elsewhere"
_SIGNED = "/blob?X-Signature=very%2Fhidden+signature%3D&x=%7e"


def _carries_a_secret(server: FakeOrigin | FakeRegistry) -> bool:
    return any(
        {"authorization", "cookie", "proxy-authorization"} & set(request.headers) for request in server.requests
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_another_port_gets_no_secret(status: int, method: str, tmp_path: Path) -> None:
    """Every kind of redirect is followed as the same method, to the target as written, without the password."""
    async with FakeRegistry(Basic("alice", "correct horse")) as upstream, FakeOrigin() as other:
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        other.put("/blob", Answer(content=Held(_BLOB)))
        upstream.always("/blobs/", Redirect(other.url + _SIGNED, status))
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            answer = await (get if method == "GET" else head)(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert answer.status == 200
        assert answer.header("Content-Length") == str(len(_BLOB))
        assert [(request.method, request.target) for request in other.requests] == [(method, _SIGNED)]
        assert not _carries_a_secret(other)
        assert _carries_a_secret(upstream)


async def test_another_name_for_the_same_address_gets_no_secret(tmp_path: Path) -> None:
    """The host name decides, not where it leads: what comes back by another name comes bare."""
    async with FakeRegistry(ConstantToken("a-very-fixed-token")) as upstream:
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        port = upstream.host.rpartition(":")[2]
        upstream.script("/blobs/", Redirect(f"http://localhost:{port}/v2/{REPOSITORY}/blobs/{digest}"))
        auth = {"type": "bearer", "token": "a-very-fixed-token"}
        async with running(tmp_path, source(upstream.url, auth=auth)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert answer.status == 502
        first, second = upstream.requests
        assert "authorization" in first.headers
        assert "authorization" not in second.headers


async def test_another_scheme_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From http to https is another origin too."""
    authority = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    async with (
        FakeRegistry(Basic("alice", "correct horse")) as upstream,
        FakeOrigin(tls=server_context(tmp_path, authority)) as other,
    ):
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        upstream.always("/blobs/", Redirect(other.put("/blob", Answer(content=Held(_BLOB)))))
        async with running(tmp_path / "data", source(upstream.url, auth=_USER)) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/blobs/{digest}")).body == _BLOB
        assert other.count() == 1
        assert not _carries_a_secret(other)


async def test_a_secret_that_was_dropped_does_not_come_back(tmp_path: Path) -> None:
    """Out to another host and back to the source: the last hop is bare, and nothing is retried with the password."""
    async with FakeRegistry(Basic("alice", "correct horse")) as upstream, FakeOrigin() as other:
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        home = f"{upstream.url}/v2/{REPOSITORY}/blobs/{digest}"
        other.put("/out", Answer(307, (("Location", home),)))
        upstream.script("/blobs/", Redirect(other.url + "/out"))
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert answer.status == 502
        asked = [request for request in upstream.requests if "/blobs/" in request.path]
        assert ["authorization" in request.headers for request in asked] == [True, False]
        assert not _carries_a_secret(other)


async def test_within_the_source_the_secret_stays(tmp_path: Path) -> None:
    """A redirect to another path of the same origin carries on as it was."""
    async with FakeRegistry(Basic("alice", "correct horse")) as upstream:
        image = publish(upstream)
        upstream.script("/manifests/v1", Redirect(f"/v2/{REPOSITORY}/manifests/{image.manifest_digest}"))
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == image.manifest


async def test_listed_origins_may_have_the_secret(tmp_path: Path) -> None:
    """`auth.origins` names where else the credential goes; a place that is merely trusted does not get it."""
    async with FakeRegistry(Basic("alice", "correct horse")) as upstream, FakeOrigin() as other:
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        upstream.always("/blobs/", Redirect(other.put("/blob", Answer(content=Held(_BLOB)))))
        listed = source(upstream.url, auth={**_USER, "origins": [other.url]})
        trusted = source(upstream.url, auth=_USER, trusted_redirects=[other.url])
        for number, (settings, expected) in enumerate(((listed, True), (trusted, False))):
            other.clear()
            async with running(tmp_path / str(number), settings) as proxy:
                assert (await get(proxy.url, f"{PREFIX}/blobs/{digest}")).body == _BLOB
            assert _carries_a_secret(other) is expected


async def test_the_rest_of_a_blob_is_asked_through_a_redirect(tmp_path: Path) -> None:
    """After a cut the range goes to the redirect's target, and the whole comes out right."""
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        image = publish(upstream)
        other.put("/blob", Answer(content=Held(image.large), ranges=True))
        upstream.always("/blobs/", Redirect(other.url + _SIGNED))
        other.script("/blob", CutAfter(LARGE_SIZE // 2))
        async with running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{image.large_digest}")
        assert (answer.complete, answer.body) == (True, image.large)
        first, second = other.requests
        assert "range" not in first.headers
        # A little of what is there is asked for again, to compare.
        start = int(second.headers["range"].removeprefix("bytes=").removesuffix("-"))
        assert LARGE_SIZE // 4 < start <= LARGE_SIZE // 2
        assert upstream.count() == 2


async def test_a_challenge_of_the_target_gets_nothing(tmp_path: Path) -> None:
    """401 with a challenge from where a redirect leads: no token is asked for, no password sent (CVE-2020-15157)."""
    async with (
        FakeTokenService({"alice": "correct horse"}) as tokens,
        FakeRegistry(Bearer(tokens)) as upstream,
        FakeOrigin() as other,
    ):
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        evil = f'Bearer realm="{other.url}/token",service="registry.test"'
        other.put("/blob", Answer(401, (("WWW-Authenticate", evil), ("WWW-Authenticate", 'Basic realm="x"'))))
        other.put("/token", Answer(content=Held(b'{"token":"x"}')))
        upstream.always("/blobs/", Redirect(other.url + "/blob"))
        async with running(tmp_path, source(upstream.url, auth=_USER)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert (answer.status, error_of(answer)[0]) == (502, "UNAVAILABLE")
        assert answer.header("WWW-Authenticate") is None
        assert [request.path for request in other.requests] == ["/blob"]
        assert not _carries_a_secret(other)


@pytest.mark.parametrize("target", ["manifests/v1", "tags/list", "blob"])
async def test_a_circle_ends_after_five_hops(target: str, tmp_path: Path) -> None:
    """A redirect to itself is asked six times in all, once for the request and once for each hop, and not again."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        image = publish(upstream)
        upstream.always("/v2/", Redirect("?again"))
        path = f"blobs/{image.large_digest}" if target == "blob" else target
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/{path}")
        assert answer.status == 502
        assert "more than 5 times" in error_of(answer)[1]
        assert upstream.count() == 6
        assert clock.pauses == []


@pytest.mark.parametrize("hops", [5, 6, 50])
async def test_chains_are_followed_up_to_five_hops(hops: int, tmp_path: Path) -> None:
    """Five different hops are followed, six are not."""
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        for hop in range(1, hops):
            other.put(f"/{hop}", Answer(302, (("Location", f"/{hop + 1}"),)))
        other.put(f"/{hops}", Answer(content=Held(_BLOB)))
        upstream.always("/blobs/", Redirect(other.url + "/1"))
        async with running(tmp_path, source(upstream.url)) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/blobs/{digest}")).status == (200 if hops == 5 else 502)
        assert other.count() == 5


@pytest.mark.parametrize(
    "location",
    [
        "",
        "file:///etc/passwd",
        "ftp://a.test/",
        "http://[::1",
        "/" + "x" * 100_000,
        "http://user:word@127.0.0.1/",
        "\x7f",
    ],
    ids=lambda location: repr(location[:20]),
)
async def test_an_impossible_target_is_an_error(location: str, tmp_path: Path) -> None:
    """A Location that leads nowhere is 502 at once, and repeated nowhere in the answer."""
    clock = SwiftClock()
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        upstream.always("/blobs/", Redirect(location))
        async with running(tmp_path, source(upstream.url), clock=clock) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert answer.status == 502
        assert b"passwd" not in answer.body
        assert len(answer.body) < 1000
        assert clock.pauses == []


async def test_no_location_at_all_is_an_error(tmp_path: Path) -> None:
    """A redirect that does not say where to is 502."""
    async with FakeRegistry() as upstream:
        digest = upstream.add_blob(REPOSITORY, _BLOB)
        upstream.always("/blobs/", Status(307))
        async with running(tmp_path, source(upstream.url)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert "without saying where to" in error_of(answer)[1]


@pytest.mark.parametrize(
    "end",
    [
        Status(403),
        Status(404),
        Status(500),
        Status(429),
        CutAfter(None),
        CutAfter(5),
        Headers(drop=("Content-Length",)),
    ],
    ids=repr,
)
async def test_a_signed_url_is_told_to_nobody(
    end: Status | CutAfter | Headers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens at the target, its query stands in no answer, no log line and no file of ours."""
    caplog.set_level(logging.DEBUG)
    access = io.StringIO()
    async with FakeRegistry() as upstream, FakeOrigin() as other:
        image = publish(upstream)
        other.put("/blob", Answer(content=Held(image.large), ranges=True))
        other.always("/blob", end)
        upstream.always("/v2/", Redirect(other.url + _SIGNED))
        answers = []
        async with running(tmp_path, source(upstream.url), clock=SwiftClock()) as proxy:
            access = proxy.access
            for target in (f"blobs/{image.large_digest}", "manifests/v1", "tags/list"):
                answers += [await get(proxy.url, f"{PREFIX}/{target}"), await head(proxy.url, f"{PREFIX}/{target}")]
        assert other.count() > 0
    shown = [access.getvalue(), caplog.text, *(f"{answer.head}{answer.body!r}" for answer in answers)]
    shown += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in shown if "hidden" in text or "X-Signature" in text]
    assert access.getvalue().count("\n") == len(answers)
