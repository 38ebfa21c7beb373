"""Credential files on disk."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from proxy.auth.credentialfile import CredentialFile, CredentialPath, configured_hosts, credential_paths


def _paths(environ: dict[str, str]) -> list[str]:
    return [str(place.path) for place in credential_paths(environ, 1000)]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"HOME": "/h"},
            ["/h/.docker/config.json", "/run/containers/1000/auth.json", "/h/.config/containers/auth.json"],
        ),
        (
            {"HOME": "/h", "DOCKER_CONFIG": "/d", "XDG_RUNTIME_DIR": "/r", "XDG_CONFIG_HOME": "/c"},
            ["/d/config.json", "/r/containers/auth.json", "/c/containers/auth.json"],
        ),
        ({"HOME": "/h", "REGISTRY_AUTH_FILE": "/a/b.json", "DOCKER_CONFIG": "/d"}, ["/a/b.json"]),
        (
            {"HOME": "/h", "REGISTRY_AUTH_FILE": "", "DOCKER_CONFIG": "", "XDG_CONFIG_HOME": ""},
            ["/h/.docker/config.json", "/run/containers/1000/auth.json", "/h/.config/containers/auth.json"],
        ),
        ({}, ["/run/containers/1000/auth.json"]),
    ],
)
def test_files_in_order(environ: dict[str, str], expected: list[str]) -> None:
    """The files are those that Docker and Podman would read, Docker's first; one named explicitly stands alone."""
    assert _paths(environ) == expected


def test_descriptions_hide_the_home_folder() -> None:
    """Messages call a file by its name and folder, the home folder as ~."""
    home = [place.described for place in credential_paths({"HOME": "/home/ann"}, 7)]
    assert home[0] == "config.json in ~/.docker"
    assert home[1] == "auth.json in /run/containers/7"
    other = credential_paths({"HOME": "/home/ann", "DOCKER_CONFIG": "/home/anna/d"}, 7)
    assert other[0].described == "config.json in /home/anna/d"


async def test_read_again_when_changed(tmp_path: Path) -> None:
    """A file that appears, changes, is replaced with equal size and date, or goes, is seen at the next look."""
    path = tmp_path / "config.json"
    file = CredentialFile(CredentialPath(path, "config.json"))
    assert await file.document() == {}
    path.write_text('{"a": 1}')
    assert await file.document() == {"a": 1}
    status = path.stat()
    other = tmp_path / "other"
    other.write_text('{"a": 2}')
    os.utime(other, ns=(status.st_mtime_ns, status.st_mtime_ns))
    other.replace(path)
    assert await file.document() == {"a": 2}
    path.unlink()
    assert await file.document() == {}


async def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    """As long as a file is the same, its document is the same object."""
    path = tmp_path / "config.json"
    path.write_text('{"a": 1}')
    file = CredentialFile(CredentialPath(path, "config.json"))
    assert await file.document() is await file.document()


@pytest.mark.parametrize(
    "content",
    [b"{canary", b"[]", b'"canary"', b"\xff\xfe", b"[" * 100_000, b" " * 1_048_577],
    ids=["syntax", "list", "text", "encoding", "deep", "large"],
)
async def test_bad_files_are_said_once(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that cannot be used counts as empty, which is said once for each version of it, without its content."""
    path = tmp_path / "config.json"
    path.write_bytes(content)
    file = CredentialFile(CredentialPath(path, "config.json in ~/.docker"))
    for _ in range(3):
        assert await file.document() == {}
    assert len(caplog.records) == 1
    assert "config.json in ~/.docker" in caplog.text
    assert "canary" not in caplog.text
    path.write_bytes(content + b" ")
    assert await file.document() == {}
    assert len(caplog.records) == 2


async def test_empty_files_are_no_mistake(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An empty file, which Podman leaves behind, is passed over in silence."""
    path = tmp_path / "auth.json"
    path.write_text(" \n")
    assert await CredentialFile(CredentialPath(path, "auth.json")).document() == {}
    assert not caplog.records


async def test_what_is_no_file_never_blocks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A pipe or a folder in a file's place is passed over, without waiting for anybody to write to it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        assert await CredentialFile(CredentialPath(path, path.name)).document() == {}
    assert len(caplog.records) == 2
    assert "not a regular file" in caplog.text


def test_configured_hosts(tmp_path: Path) -> None:
    """Every registry of the variable and all files is named once; what only a store knows is not."""
    docker = tmp_path / ".docker"
    podman = tmp_path / ".config" / "containers"
    docker.mkdir()
    podman.mkdir(parents=True)
    markers: dict[str, object] = {"https://index.docker.io/v1/": {}, "ghcr.io": {}}
    (docker / "config.json").write_text(json.dumps({"auths": markers, "credsStore": "desktop"}))
    (podman / "auth.json").write_text(
        json.dumps({"auths": {"quay.io/team": {}, "ghcr.io": {}}, "credHelpers": {"gcr.io": "x"}})
    )
    inline = json.dumps({"auths": {"registry.example.com:5000": {"auth": "eDp5"}}})
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "none"), "DOCKER_AUTH_CONFIG": inline}
    assert configured_hosts(environ) == (
        "registry.example.com:5000",
        "docker.io",
        "ghcr.io",
        "quay.io",
        "gcr.io",
    )


def test_configured_hosts_survive_bad_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At start a broken file costs its own hosts only, and is left to be reported when it is needed."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "config.json").write_text("{canary")
    environ = {"DOCKER_CONFIG": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "DOCKER_AUTH_CONFIG": "canary"}
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers" / "auth.json").write_text('{"auths": {"quay.io": {}}}')
    assert configured_hosts(environ) == ("quay.io",)
    assert not caplog.records
