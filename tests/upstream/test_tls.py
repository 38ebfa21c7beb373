"""Sources over TLS: whoever cannot prove who it is gets no request, and there is no second try without proof."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.answers import Answer
from fakes.content import Held
from fakes.faults import Redirect
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.server import FakeOrigin
from pipeline.scene import PREFIX, error_of, get, publish
from upstream.certificates import Authority, make_authority, server_context


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The one authority that this process trusts."""
    made = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return made


async def test_a_proven_source_is_served(tmp_path: Path, authority: Authority) -> None:
    """A certificate of a trusted authority for the right address works, so the refusals below mean something."""
    async with FakeRegistry(tls=server_context(tmp_path, authority)) as upstream:
        image = publish(upstream)
        async with running(tmp_path / "data", source(upstream.url)) as proxy:
            assert (await get(proxy.url, f"{PREFIX}/manifests/v1")).body == image.manifest
            assert (await get(proxy.url, f"{PREFIX}/blobs/{image.large_digest}")).body == image.large


@pytest.mark.parametrize("wrong", ["name", "expired", "self-signed"])
@pytest.mark.parametrize("target", ["manifests/v1", "blobs/sha256:" + "a" * 64, "tags/list"])
async def test_a_wrong_certificate_is_a_clear_error(
    wrong: str, target: str, tmp_path: Path, authority: Authority
) -> None:
    """502 in words that say what is wrong; the source never saw a request, only the one attempt to connect."""
    tls = server_context(
        tmp_path,
        None if wrong == "self-signed" else authority,
        host="other.example" if wrong == "name" else "127.0.0.1",
        valid=wrong != "expired",
    )
    async with FakeRegistry(tls=tls) as upstream:
        publish(upstream)
        auth = {"type": "basic", "username": "alice", "password": "correct horse"}
        async with running(tmp_path / "data", source(upstream.url, auth=auth)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/{target}")
        code, message = error_of(answer)
        assert (answer.status, answer.head.reason, code) == (502, "The source sent something wrong", "UNAVAILABLE")
        assert "TLS certificate" in message
        assert "source test" in message
        assert upstream.requests == []


async def test_a_redirect_is_verified_too(tmp_path: Path, authority: Authority) -> None:
    """A redirect from https to another host with a wrong certificate ends there."""
    blob = b"somebody else's"
    async with (
        FakeRegistry(tls=server_context(tmp_path, authority)) as upstream,
        FakeOrigin(tls=server_context(tmp_path, None)) as other,
    ):
        digest = upstream.add_blob("team/app", blob)
        upstream.always("/blobs/", Redirect(other.put("/blob", Answer(content=Held(blob)))))
        async with running(tmp_path / "data", source(upstream.url)) as proxy:
            answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
        assert answer.status == 502
        assert other.requests == []


async def test_a_redirect_to_plain_http_is_refused(tmp_path: Path, authority: Authority) -> None:
    """From https to http nothing is followed, on the same host or another, and the target sees no connection."""
    async with FakeRegistry(tls=server_context(tmp_path, authority)) as upstream, FakeOrigin() as other:
        digest = upstream.add_blob("team/app", b"content")
        for location in (f"{other.url}/blob?signature=hidden", upstream.url.replace("https", "http") + "/blob"):
            upstream.always("/blobs/", Redirect(location))
            async with running(tmp_path / "data", source(upstream.url)) as proxy:
                answer = await get(proxy.url, f"{PREFIX}/blobs/{digest}")
            assert answer.status == 502
            assert "from https to http" in error_of(answer)[1]
            assert b"hidden" not in answer.body
        assert other.connections == 0
