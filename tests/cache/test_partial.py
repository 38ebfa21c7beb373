"""Partials: hashed as they grow, taken up where they stopped, published whole or not at all."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import pytest
from cache.bench import open_files
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.partial import DiskPartial
from proxy.core.digest import Digest
from proxy.core.errors import StorageFailed

_CONTENT = random.Random(1).randbytes(3_000_000)
_DIGEST = Digest.of(_CONTENT)


def _partial(folder: Path, digest: Digest = _DIGEST) -> DiskPartial:
    return DiskPartial(folder / "partial", folder / "blobs" / "ab" / digest.hex, digest)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_what_is_appended_is_hashed_and_published(tmp_path: Path, algorithm: str) -> None:
    """The whole is found under its name, ours alone to read, and nothing is left where it grew."""
    digest = Digest.of(_CONTENT, algorithm)
    partial = _partial(tmp_path, digest)
    for start in range(0, len(_CONTENT), 700_001):
        assert partial.append(_CONTENT[start : start + 700_001]) == min(start + 700_001, len(_CONTENT))
    assert partial.digest() == digest
    partial.publish()
    assert os.pread(partial.descriptor, 10, 5) == _CONTENT[5:15]
    partial.close()
    final = tmp_path / "blobs" / "ab" / digest.hex
    assert final.read_bytes() == _CONTENT
    assert stat.S_IMODE(final.stat().st_mode) == 0o600
    assert not (tmp_path / "partial").exists()


@given(left=st.integers(0, 2_200_000) | st.sampled_from([1 << 20, 1 << 21, len(_CONTENT)]))
def test_a_partial_is_taken_up_as_it_is(left: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever an earlier process left, the rest completes it to the right hash."""
    folder = tmp_path_factory.mktemp("resume")
    (folder / "partial").write_bytes(_CONTENT[:left])
    partial = _partial(folder)
    assert partial.length == left
    partial.append(_CONTENT[partial.length :])
    assert partial.digest() == _DIGEST
    partial.close()


def test_without_a_discard_the_bytes_stay(tmp_path: Path) -> None:
    """Closing leaves what can be resumed; discarding does not, and may be done twice."""
    partial = _partial(tmp_path)
    partial.append(b"12345")
    partial.close()
    assert (tmp_path / "partial").read_bytes() == b"12345"
    partial = _partial(tmp_path)
    partial.discard()
    partial.discard()
    partial.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("planted", ["fifo", "link", "dangling", "directory"])
def test_what_is_planted_in_its_place_is_replaced(tmp_path: Path, planted: str) -> None:
    """A FIFO, link or directory is neither followed nor waited for: it goes, and the download begins anew."""
    path, elsewhere = tmp_path / "partial", tmp_path / "elsewhere"
    match planted:
        case "fifo":
            os.mkfifo(path)
        case "link":
            elsewhere.write_bytes(_CONTENT)
            path.symlink_to(elsewhere)
        case "dangling":
            path.symlink_to(elsewhere)
        case _:
            path.mkdir()
            (path / "inside").touch()
    partial = _partial(tmp_path)
    assert partial.length == 0
    partial.append(_CONTENT)
    partial.publish()
    partial.close()
    assert (tmp_path / "blobs" / "ab" / _DIGEST.hex).read_bytes() == _CONTENT
    assert (elsewhere.read_bytes() == _CONTENT) if planted == "link" else not elsewhere.exists()


def test_a_folder_that_is_gone_is_a_refusal(tmp_path: Path) -> None:
    """Where nothing can be written, opening fails as StorageFailed and leaves nothing open."""
    with pytest.raises(StorageFailed, match="No such file"):
        DiskPartial(tmp_path / "gone" / "partial", tmp_path / "final", _DIGEST)
    assert open_files(tmp_path) == []


def test_a_name_that_cannot_be_taken_is_a_refusal(tmp_path: Path) -> None:
    """Whatever the reason why the disk refuses a rename, it is StorageFailed and no bare system error."""
    partial = _partial(tmp_path)
    partial.append(_CONTENT)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "ab").touch()
    with pytest.raises(StorageFailed):
        partial.publish()
    partial.close()
