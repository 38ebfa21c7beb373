"""The data folder: ours alone, of our layout, used by one process."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest
from cache.bench import open_files

from proxy.cache.folder import DataFolder
from proxy.core.errors import ConfigError

_HOLD = (
    "import sys; from pathlib import Path; from proxy.cache.folder import DataFolder; "
    "held = DataFolder.claim(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)


def test_a_new_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    """All folders are ours to enter only, missing parents included in what is made."""
    path = tmp_path / "deep" / "data"
    DataFolder.claim(path).release()
    for made in (path, path / "blobs", path / "entries", path / "partial", path / "run"):
        assert stat.S_IMODE(made.lstat().st_mode) == 0o700
    assert stat.S_IMODE((path / "run" / "lock").lstat().st_mode) == 0o600
    assert sorted(entry.name for entry in path.iterdir()) == ["blobs", "entries", "partial", "run", "version"]


def test_a_folder_can_be_claimed_again_after_release(tmp_path: Path) -> None:
    """The lock ends with the release; what is in the folder stays."""
    DataFolder.claim(tmp_path / "data").release()
    (tmp_path / "data" / "blobs" / "kept").touch()
    DataFolder.claim(tmp_path / "data").release()
    assert (tmp_path / "data" / "blobs" / "kept").exists()


async def test_a_folder_in_use_names_the_process_and_is_free_when_that_is_killed(tmp_path: Path) -> None:
    """A second owner is told who holds the folder, and a killed owner leaves no lock behind."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HOLD,
        str(tmp_path / "data"),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    try:
        with pytest.raises(ConfigError, match=f"in use by process {process.pid};"):
            DataFolder.claim(tmp_path / "data")
    finally:
        process.kill()
        await process.wait()
    DataFolder.claim(tmp_path / "data").release()


@pytest.mark.parametrize("part", [".", "blobs", "entries", "partial", "run"])
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_others_can_write_to_is_refused(tmp_path: Path, part: str, mode: int) -> None:
    """What others may plant would be served, so the start ends with what to run."""
    path = tmp_path / "data"
    DataFolder.claim(path).release()
    (path / part).chmod(mode)
    with pytest.raises(ConfigError, match="chmod go-w"):
        DataFolder.claim(path)


@pytest.mark.parametrize("part", [".", "blobs", "partial", "run"])
def test_a_symbolic_link_is_refused(tmp_path: Path, part: str) -> None:
    """Neither the folder nor a part of it may lie elsewhere."""
    path = tmp_path / "data"
    DataFolder.claim(path).release()
    where = path / part
    where.rename(tmp_path / "moved")
    where.symlink_to(tmp_path / "moved")
    before = sorted((tmp_path / "moved").rglob("*"))
    with pytest.raises(ConfigError):
        DataFolder.claim(path)
    assert sorted((tmp_path / "moved").rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Its owner could change what is served at any time."""
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        DataFolder.claim(path)


def test_another_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A folder of a later version keeps its number, and the refusal leaves no lock behind."""
    path = tmp_path / "data"
    DataFolder.claim(path).release()
    (path / "version").write_text("7\n")
    with pytest.raises(ConfigError, match="layout '7'"):
        DataFolder.claim(path)
    assert (path / "version").read_text() == "7\n"
    assert open_files(path) == []
    (path / "version").write_text("1\n")
    DataFolder.claim(path).release()


def test_a_start_that_was_killed_before_its_version_was_written_is_taken_up(tmp_path: Path) -> None:
    """The version appears under its name whole or not at all, so a temporary beside it means nothing."""
    path = tmp_path / "data"
    DataFolder.claim(path).release()
    (path / "version").unlink()
    (path / "run" / "version").write_text("")
    DataFolder.claim(path).release()
    assert (path / "version").read_text() == "1\n"


@pytest.mark.parametrize("name", ["version", "run/lock"])
@pytest.mark.parametrize("planted", ["fifo", "link", "directory"])
def test_a_planted_file_is_never_followed_nor_waited_for(tmp_path: Path, name: str, planted: str) -> None:
    """A FIFO, link or directory in the place of a file of ours ends the start with a sentence."""
    path = tmp_path / "data"
    DataFolder.claim(path).release()
    (path / name).unlink()
    (tmp_path / "elsewhere").write_text("1\n")
    match planted:
        case "fifo":
            os.mkfifo(path / name)
        case "link":
            (path / name).symlink_to(tmp_path / "elsewhere")
        case _:
            (path / name).mkdir()
    with pytest.raises(ConfigError, match=r"cache\.data_dir"):
        DataFolder.claim(path)
    assert (tmp_path / "elsewhere").read_text() == "1\n"
    assert open_files(path) == []


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file in the way is said with the path, not raised as it is."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used: Not a directory"):
        DataFolder.claim(tmp_path / "file" / "data")
