"""The skopeo client: copies, inspects and lists, with credentials only where a test hands them over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from e2e.peers import bare_environment, program, run


@dataclass(frozen=True, slots=True)
class Skopeo:
    """Runs skopeo with an empty home, so that no credential of this machine can help it."""

    home: Path

    async def copy(self, source: str, destination: str, *options: str) -> None:
        """Copy one image with its digests kept; all platforms of an index."""
        plain = ("--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests", "--all")
        await self._run("copy", *plain, *options, source, destination)

    async def push(self, layout: Path, tag: str, reference: str, credentials: str) -> None:
        """Push an image of an OCI layout folder; the credentials are `user:password`."""
        await self.copy(f"oci:{layout}:{tag}", f"docker://{reference}", "--dest-creds", credentials)

    async def inspect(self, reference: str) -> dict[str, object]:
        """What the image's manifest and config say, and the repository's tags."""
        output = await self._run("inspect", "--tls-verify=false", f"docker://{reference}")
        document: dict[str, object] = json.loads(output)
        return document

    async def list_tags(self, repository: str) -> list[str]:
        """The tags of a repository."""
        output = await self._run("list-tags", "--tls-verify=false", f"docker://{repository}")
        tags: list[str] = json.loads(output)["Tags"]
        return tags

    async def _run(self, command: str, *arguments: str) -> str:
        return await run(
            program("skopeo"),
            "--insecure-policy",
            "--override-os=linux",
            "--override-arch=amd64",
            command,
            *arguments,
            environment=bare_environment(self.home),
        )


def layout_contents(layout: Path) -> dict[str, frozenset[str]]:
    """What an OCI layout folder holds: `roots`, the digests its index.json names, and `blobs`, all file names."""
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    return {
        "roots": frozenset(entry["digest"] for entry in entries),
        "blobs": frozenset(file.name for file in (layout / "blobs" / "sha256").iterdir()),
    }
