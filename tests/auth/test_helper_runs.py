"""How often a credential helper runs while its source keeps saying no."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.access import Basic, Bearer
from fakes.registry import FakeRegistry
from fakes.running import running, source
from fakes.tokens import FakeTokenService
from pipeline.scene import PREFIX, SwiftClock, get, publish


class _Helper:
    """A helper program in a home of its own that notes its runs, and the environment in which it is found."""

    def __init__(self, home: Path, host: str) -> None:
        self._home = home
        self.environ = {"HOME": str(home), "PATH": f"{home}:/usr/bin:/bin"}
        (home / ".docker").mkdir(parents=True)
        (home / ".docker" / "config.json").write_text(json.dumps({"credHelpers": {host: "test"}}))
        self.give("out of date")

    def give(self, password: str) -> None:
        """What the helper has from now on."""
        answer = json.dumps({"Username": "alice", "Secret": password})
        program = self._home / "docker-credential-test"
        program.write_text(f"#!/bin/sh\necho run >> \"$HOME/runs\"\necho '{answer}'\n")
        program.chmod(0o755)

    @property
    def runs(self) -> int:
        return len((self._home / "runs").read_text().splitlines())


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
async def test_denied_requests_share_a_run(scheme: str, tmp_path: Path) -> None:
    """Many denied requests cost one run in a minute, and a new password is taken up after that."""
    clock = SwiftClock()
    async with FakeTokenService({"alice": "correct horse"}) as tokens:
        access = Basic("alice", "correct horse") if scheme == "basic" else Bearer(tokens)
        async with FakeRegistry(access) as upstream:
            image = publish(upstream)
            helper = _Helper(tmp_path / "home", upstream.host)
            settings = source(upstream.url, auth={"type": "docker"})
            async with running(tmp_path / "data", settings, clock=clock, environ=helper.environ) as proxy:
                for minute in (1, 2):
                    for number in range(5):
                        assert (await get(proxy.url, f"{PREFIX}/manifests/t{number}")).status == 403
                    assert helper.runs == minute
                    clock.advance(60)
                helper.give("correct horse")
                answers = [await get(proxy.url, f"{PREFIX}/manifests/v1") for _ in range(2)]
                assert answers[-1].body == image.manifest
                assert helper.runs == 3
