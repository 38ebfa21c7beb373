"""Debian's docker-registry as the upstream, behind a password file or behind signed tokens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from e2e.peers import Peer, bare_environment, program, run, running
from e2e.signed_tokens import ISSUER, SERVICE, SignedTokens

USER = "mariner"
# With characters that URL-escaping and base64 change, so that a leak in either form is told from the raw one.
PASSWORD = "c4nary/p+ss w0rd?&"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running docker-registry; `tokens` is its token server, when it has one."""

    peer: Peer
    tokens: SignedTokens | None

    @property
    def host(self) -> str:
        """Address and port."""
        return self.peer.found[1]

    @property
    def credentials(self) -> str:
        """`user:password`, as skopeo takes it."""
        return f"{USER}:{PASSWORD}"

    def answered(self, method: str, part: str) -> int:
        """How many requests of this method whose path contains the part stand in the access log."""
        return sum(f'"{method} ' in line and part in line for line in self.peer.lines)

    async def stop(self) -> None:
        """Stop the registry and its token server."""
        await self.peer.stop()
        if self.tokens is not None:
            await self.tokens.stop()


@dataclass(frozen=True, slots=True)
class Pushed:
    """The layout folder that was pushed to an upstream, and the repository it went to."""

    layout: Path
    repository: str


@contextlib.asynccontextmanager
async def password_registry(folder: Path) -> AsyncIterator[Upstream]:
    """A registry that asks for Basic credentials."""
    entry = await run(program("htpasswd"), "-nbBC", "5", USER, PASSWORD, environment=bare_environment(folder))
    passwords = folder / "htpasswd"
    passwords.write_text(entry)
    rule = f"  htpasswd:\n    realm: registry\n    path: {passwords}\n"
    async with _registry(folder, rule) as peer:
        yield Upstream(peer, None)


@contextlib.asynccontextmanager
async def token_registry(folder: Path) -> AsyncIterator[Upstream]:
    """A registry that asks for tokens of a token server that knows the user."""
    async with SignedTokens(USER, PASSWORD) as tokens:
        bundle = tokens.write_bundle(folder / "issuer.pem")
        rule = (
            f"  token:\n    realm: {tokens.realm}\n    service: {SERVICE}\n    issuer: {ISSUER}\n"
            f"    rootcertbundle: {bundle}\n"
        )
        async with _registry(folder, rule) as peer:
            yield Upstream(peer, tokens)


@contextlib.asynccontextmanager
async def _registry(folder: Path, rule: str) -> AsyncIterator[Peer]:
    configuration = folder / "registry.yml"
    configuration.write_text(
        "version: 0.1\n"
        f"storage:\n  filesystem:\n    rootdirectory: {folder / 'storage'}\n"
        "http:\n  addr: 127.0.0.1:0\n  secret: shared-by-nobody\n"
        f"auth:\n{rule}"
    )
    command = [program("docker-registry"), "serve", str(configuration)]
    ready = r"listening on (127\.0\.0\.1:[0-9]+)"
    async with running(command, ready, environment=bare_environment(folder), folder=folder) as peer:
        yield peer
