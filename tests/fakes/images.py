"""Images as bytes: layered images, an index of two platforms, a wasm artifact; also as an OCI layout folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
WASM_CONFIG_TYPE = "application/vnd.wasm.config.v0+json"
WASM_LAYER_TYPE = "application/wasm"
_EPOCH = "1970-01-01T00:00:00Z"
# The header and an empty custom section of a valid module (WebAssembly core specification, section 5.5).
_WASM_MODULE = b"\0asm\x01\0\0\0" + b"\0\x08\x07comment"


@dataclass(frozen=True, slots=True)
class Part:
    """Some content with its media type."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """The sha256 digest."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()

    def descriptor(self, **extra: object) -> dict[str, object]:
        """How a manifest names this content (image-spec, descriptor.md)."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content), **extra}


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest with its config and layers."""

    manifest: Part
    config: Part
    layers: tuple[Part, ...]

    @property
    def blobs(self) -> tuple[Part, ...]:
        """Everything that is fetched as a blob."""
        return (self.config, *self.layers)


@dataclass(frozen=True, slots=True)
class Index:
    """An index over images of several platforms."""

    manifest: Part
    images: tuple[Image, ...]


def build_image(seed: int = 0, *, layers: int = 3, layer_size: int = 100_000, architecture: str = "amd64") -> Image:
    """An image whose layers each hold one file of that many random bytes; equal arguments give equal bytes."""
    archives = tuple(_archive(f"layer-{number}", seed * 1000 + number, layer_size) for number in range(layers))
    config = _json_part(
        CONFIG_TYPE,
        {
            "architecture": architecture,
            "os": "linux",
            "created": _EPOCH,
            "config": {"Labels": {"seed": str(seed)}},
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(archive).hexdigest() for archive in archives],
            },
            "history": [{"created": _EPOCH, "created_by": "test"} for _ in archives],
        },
    )
    packed = tuple(Part(LAYER_TYPE, gzip.compress(archive, 1, mtime=0)) for archive in archives)
    return _assemble(config, packed)


def build_index(seed: int = 0) -> Index:
    """An index of an amd64 and an arm64 image."""
    images = tuple(
        build_image(seed + number, layers=2, architecture=architecture)
        for number, architecture in enumerate(("amd64", "arm64"))
    )
    manifests = [
        image.manifest.descriptor(platform={"os": "linux", "architecture": architecture})
        for image, architecture in zip(images, ("amd64", "arm64"), strict=True)
    ]
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}
    return Index(_json_part(INDEX_TYPE, document), images)


def build_wasm() -> Image:
    """A wasm artifact: one layer that is a module, and the config type that wasm clients ask for."""
    layer = Part(WASM_LAYER_TYPE, _WASM_MODULE)
    config = _json_part(
        WASM_CONFIG_TYPE,
        {"created": _EPOCH, "architecture": "wasm", "os": "wasip2", "layerDigests": [layer.digest]},
    )
    return _assemble(config, (layer,))


def write_layout(folder: Path, tagged: dict[str, Image | Index]) -> None:
    """Write an OCI layout (image-spec, image-layout.md) whose index.json names each image by its tag."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entries: list[dict[str, object]] = []
    for tag, item in tagged.items():
        images = item.images if isinstance(item, Index) else (item,)
        parts = [item.manifest, *(part for image in images for part in (image.manifest, *image.blobs))]
        for part in parts:
            (blobs / part.digest.removeprefix("sha256:")).write_bytes(part.content)
        entries.append(item.manifest.descriptor(annotations={"org.opencontainers.image.ref.name": tag}))
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def _assemble(config: Part, layers: tuple[Part, ...]) -> Image:
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in layers],
    }
    return Image(_json_part(MANIFEST_TYPE, document), config, layers)


def _json_part(media_type: str, document: object) -> Part:
    return Part(media_type, json.dumps(document, separators=(",", ":")).encode())


def _archive(name: str, seed: int, size: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(random.Random(seed).randbytes(size)))
    return target.getvalue()
