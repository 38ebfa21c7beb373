"""The images that tests move around are what their digests say."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from fakes.images import build_image, build_index, build_wasm, write_layout


def test_an_image_names_its_layers_packed_and_unpacked() -> None:
    """The manifest names the packed layers, the config the unpacked ones, and equal seeds give equal bytes."""
    image = build_image(3)
    manifest = json.loads(image.manifest.content)
    config = json.loads(image.config.content)
    assert [layer["digest"] for layer in manifest["layers"]] == [layer.digest for layer in image.layers]
    unpacked = [hashlib.sha256(gzip.decompress(layer.content)).hexdigest() for layer in image.layers]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + digest for digest in unpacked]
    assert image == build_image(3)
    assert image.manifest != build_image(4).manifest


def test_a_layout_holds_every_part(tmp_path: Path) -> None:
    """Each blob of a layout hashes to its file name, and index.json names the tags."""
    index, wasm = build_index(), build_wasm()
    write_layout(tmp_path / "layout", {"both": index, "module": wasm})
    files = list((tmp_path / "layout/blobs/sha256").iterdir())
    assert len(files) == 1 + 2 * 4 + 3
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() == file.name for file in files)
    entries = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    names = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries]
    assert names == ["both", "module"]
    assert json.loads(wasm.manifest.content)["layers"][0]["mediaType"] == "application/wasm"
