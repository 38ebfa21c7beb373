"""Content put straight into a data folder: what a source gave before a test makes it unreachable for ever."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipeline.scene import REPOSITORY, image_manifest

from proxy.cache.content import DiskContent
from proxy.cache.disk import Disk
from proxy.cache.entries import EntryStore, walk
from proxy.cache.folder import DataFolder
from proxy.cache.view import View
from proxy.core.accept import OCI_MANIFEST
from proxy.core.digest import Digest
from proxy.core.entries import Entry, Key, Record


async def plant_tag(data_dir: Path, base: str, *, fetched: float, tag: str = "v1") -> bytes:
    """Hold a manifest under a tag of the source at `base`, as fetched at that wall-clock second."""
    content = image_manifest("planted")
    digest = Digest.of(content)
    folder = DataFolder.claim(data_dir)
    disk = Disk()
    view = View(folder.path / "index.sqlite3", partial(walk, folder.path))
    await view.open()
    key = Key("oci", base, "tag", REPOSITORY, tag)
    await DiskContent(folder.path, disk).put(digest, content)
    entry = Entry(digest, len(content), OCI_MANIFEST, fetched, "test")
    await EntryStore(folder.path, disk, view).save(Record(key).with_entry(entry))
    await view.close()
    disk.close()
    folder.release()
    return content
