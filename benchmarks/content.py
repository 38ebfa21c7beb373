"""What the upstream holds: one manifest and blobs of the sizes that are measured."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True, slots=True)
class Content:
    """One object in a file. `size` is in bytes, `digest` with its algorithm in front."""

    file: Path
    digest: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Image:
    """All of it; the manifest names every blob, so that each is a real layer of something."""

    manifest: Content
    config: Content
    small: Content
    medium: Content
    large: Content
    huge: Content

    @property
    def blobs(self) -> tuple[Content, ...]:
        """Everything but the manifest."""
        return (self.config, self.small, self.medium, self.large, self.huge)


def make_image(folder: Path) -> Image:
    """Write an image into a folder: 64 KiB, 1 MiB, 100 MiB and 1 GiB of noise that nothing can compress."""
    config = _write(folder / "config", json.dumps({"architecture": "amd64", "os": "linux"}).encode(), _CONFIG_TYPE)
    small = _noise(folder / "small", 64 * KIB)
    medium = _noise(folder / "medium", MIB)
    large = _noise(folder / "large", 100 * MIB)
    huge = _noise(folder / "huge", GIB)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(config),
        "layers": [_descriptor(layer) for layer in (small, medium, large, huge)],
    }
    manifest = _write(folder / "manifest", json.dumps(document).encode(), MANIFEST_TYPE)
    return Image(manifest=manifest, config=config, small=small, medium=medium, large=large, huge=huge)


def _noise(file: Path, size: int) -> Content:
    hasher = hashlib.sha256()
    with file.open("wb") as opened:
        for start in range(0, size, MIB):
            piece = os.urandom(min(MIB, size - start))
            hasher.update(piece)
            opened.write(piece)
    return Content(file, f"sha256:{hasher.hexdigest()}", size, _LAYER_TYPE)


def _write(file: Path, content: bytes, media_type: str) -> Content:
    file.write_bytes(content)
    return Content(file, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), media_type)


def _descriptor(content: Content) -> dict[str, str | int]:
    return {"mediaType": content.media_type, "digest": content.digest, "size": content.size}
