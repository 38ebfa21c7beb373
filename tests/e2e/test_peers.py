"""The peers by themselves, without the proxy: what the end-to-end tests rest on."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.docker_registry import Pushed, Upstream
from e2e.peers import program
from e2e.skopeo import Skopeo, layout_contents


async def test_the_upstream_holds_what_was_pushed(
    upstream: Upstream, pushed: Pushed, skopeo: Skopeo, tmp_path: Path
) -> None:
    """Asked directly and with credentials, the upstream gives the same digests back."""
    taken = tmp_path / "taken"
    for tag in ("layered", "platforms", "unpulled"):
        reference = f"docker://{upstream.host}/{pushed.repository}:{tag}"
        await skopeo.copy(reference, f"oci:{taken}:{tag}", "--src-creds", upstream.credentials)
    assert layout_contents(taken) == layout_contents(pushed.layout)
    assert upstream.answered("GET", "/manifests/layered") == 1


async def test_the_upstream_refuses_who_has_no_credentials(
    upstream: Upstream, pushed: Pushed, skopeo: Skopeo
) -> None:
    """Without the password nothing is listed: what the proxy gets, it gets with the credential."""
    with pytest.raises(AssertionError, match=r"(?i)unauthorized|authentication required"):
        await skopeo.list_tags(f"{upstream.host}/{pushed.repository}")


def test_a_missing_program_skips_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is not installed skips a test on a user's machine and fails it in CI."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        program("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        program("no-such-program")
