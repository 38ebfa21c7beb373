"""Finding what `docker login` or `podman login` left behind."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.clock import FakeClock

from proxy.auth.credentials import NO_CREDENTIAL, Anonymous, Found, IdentityToken, UserPassword
from proxy.auth.dockerstores import DockerStores

_NOT_FOUND = "echo credentials not found in native keychain; exit 1"


class _Home:
    """A home folder with credential files and helpers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.environ = {
            "HOME": str(folder),
            "PATH": f"{folder}:/usr/bin:/bin",
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
        }
        self._open: list[DockerStores] = []

    def write(self, path: str, document: object) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(document if isinstance(document, str) else json.dumps(document))

    def helper(self, name: str, script: str) -> None:
        path = self.folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\nserver=$(cat)\n{script}\n")
        path.chmod(0o755)

    def stores(self) -> DockerStores:
        made = DockerStores(self.environ, self.clock)
        self._open.append(made)
        return made

    async def find(self, url: str, repository: str = "team/app") -> Found:
        return await self.stores().provider(url).find(repository)

    async def close(self) -> None:
        for stores in self._open:
            await stores.close()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[_Home]:
    made = _Home(tmp_path)
    yield made
    await made.close()


def _entry(username: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:secret".encode()).decode()}


def _user(username: str) -> UserPassword:
    return UserPassword(username, "secret")


def _printing(username: str) -> str:
    return f'echo "{{\\"Username\\":\\"{username}\\",\\"Secret\\":\\"$server\\"}}"'


async def test_nothing_anywhere(home: _Home) -> None:
    """Without any file the source is asked anonymously, and the origin says so."""
    assert await home.find("https://ghcr.io") == Found(Anonymous(), NO_CREDENTIAL)


async def test_order_of_places(home: _Home) -> None:
    """The variable goes before Docker's file, that before Podman's of the session, that before Podman's own."""
    places = ["runtime/containers/auth.json", ".docker/config.json"]
    home.write(".config/containers/auth.json", {"auths": {"ghcr.io": _entry("kept")}})
    assert (await home.find("https://ghcr.io")).credential == _user("kept")
    for number, place in enumerate(places):
        home.write(place, {"auths": {"ghcr.io": _entry(f"user{number}")}})
        found = await home.find("https://ghcr.io")
        assert found.credential == _user(f"user{number}")
        assert Path(place).name in found.origin
    home.environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"ghcr.io": _entry("variable")}})
    assert await home.find("https://ghcr.io") == Found(_user("variable"), "DOCKER_AUTH_CONFIG")


async def test_explicit_file_stands_alone(home: _Home) -> None:
    """With REGISTRY_AUTH_FILE no other file is looked into, even where it has nothing."""
    home.write(".docker/config.json", {"auths": {"ghcr.io": _entry("docker"), "quay.io": _entry("docker")}})
    home.write("explicit.json", {"auths": {"ghcr.io": _entry("explicit")}})
    home.environ["REGISTRY_AUTH_FILE"] = str(home.folder / "explicit.json")
    assert (await home.find("https://ghcr.io")).credential == _user("explicit")
    assert (await home.find("https://quay.io")).credential == Anonymous()


async def test_order_within_a_file(home: _Home) -> None:
    """A registry's own helper goes before the store, the store before the file's entries."""
    document: dict[str, object] = {"auths": {"ghcr.io": _entry("file")}}
    home.write(".docker/config.json", document)
    assert await home.find("https://ghcr.io") == Found(_user("file"), "config.json in ~/.docker")
    home.helper("store", _printing("store"))
    document["credsStore"] = "store"
    home.write(".docker/config.json", document)
    found = await home.find("https://ghcr.io")
    assert found == Found(UserPassword("store", "ghcr.io"), "helper docker-credential-store")
    home.helper("own", _printing("own"))
    document["credHelpers"] = {"ghcr.io": "own"}
    home.write(".docker/config.json", document)
    assert (await home.find("https://ghcr.io")).origin == "helper docker-credential-own"


@pytest.mark.parametrize("script", [_NOT_FOUND, "exit 1", "echo nonsense"])
async def test_search_goes_on_behind_a_helper(script: str, home: _Home) -> None:
    """Where a helper has nothing or fails, the next place is looked into."""
    home.helper("store", script)
    home.write(
        ".docker/config.json",
        {"credHelpers": {"ghcr.io": "absent"}, "credsStore": "store", "auths": {"ghcr.io": _entry("file")}},
    )
    assert (await home.find("https://ghcr.io")).credential == _user("file")


async def test_markers_are_passed_over(home: _Home) -> None:
    """Docker Desktop's empty entry ends the search in neither its entry list nor its file."""
    home.write(
        ".docker/config.json", {"auths": {"quay.io/team/app": {}, "quay.io/team": _entry("team"), "ghcr.io": {}}}
    )
    home.write(".config/containers/auth.json", {"auths": {"ghcr.io": _entry("podman")}})
    assert (await home.find("https://quay.io")).credential == _user("team")
    assert (await home.find("https://ghcr.io")).credential == _user("podman")


async def test_namespaces(home: _Home) -> None:
    """Two namespaces of one registry have their own credentials, and a third has none."""
    home.write(".docker/config.json", {"auths": {"quay.io/red": _entry("red"), "quay.io/blue": _entry("blue")}})
    provider = home.stores().provider("https://quay.io")
    assert (await provider.find("red/app")).credential == _user("red")
    assert (await provider.find("blue/app")).credential == _user("blue")
    assert (await provider.find("redder/app")).credential == Anonymous()


async def test_docker_hub(home: _Home) -> None:
    """Docker Hub's credential is found by the names that Docker and Podman file it under, also by a helper."""
    for key in ("https://index.docker.io/v1/", "docker.io", "index.docker.io"):
        home.write(".docker/config.json", {"auths": {key: _entry("hub")}})
        assert (await home.find("https://registry-1.docker.io")).credential == _user("hub")
    home.helper("store", _printing("hub"))
    home.write(".docker/config.json", {"credsStore": "store"})
    found = await home.find("https://registry-1.docker.io")
    assert found.credential == UserPassword("hub", "https://index.docker.io/v1/")


async def test_identity_tokens(home: _Home) -> None:
    """Identity tokens are found in files and in helpers."""
    home.write(".docker/config.json", {"auths": {"a.azurecr.io": {**_entry("id"), "identitytoken": "refresh"}}})
    assert (await home.find("https://a.azurecr.io")).credential == IdentityToken("id", "refresh")
    home.helper("acr", _printing("<token>"))
    home.write(".docker/config.json", {"credHelpers": {"a.azurecr.io": "acr"}})
    assert (await home.find("https://a.azurecr.io")).credential == IdentityToken("", "a.azurecr.io")


async def test_bad_places_are_said_and_passed_over(home: _Home, caplog: pytest.LogCaptureFixture) -> None:
    """A broken variable, file or entry is said once, without its content, and the search goes on."""
    home.environ["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"ghcr.io": {"auth": "canary%"}}})
    home.write(".docker/config.json", "{canary")
    home.write("runtime/containers/auth.json", {"auths": {"ghcr.io/team": {"auth": "canary%"}}})
    home.write(".config/containers/auth.json", {"auths": {"ghcr.io": _entry("kept")}})
    provider = home.stores().provider("https://ghcr.io")
    for _ in range(3):
        assert (await provider.find("team/app")).credential == _user("kept")
    assert len(caplog.records) == 3
    assert "canary" not in caplog.text
    for part in ("DOCKER_AUTH_CONFIG", "config.json in ~/.docker", "auth.json in ~/runtime", "'ghcr.io/team'"):
        assert part in caplog.text


async def test_unreadable_variable(home: _Home, caplog: pytest.LogCaptureFixture) -> None:
    """A variable that is no JSON is said once, at the start."""
    home.environ["DOCKER_AUTH_CONFIG"] = "canary"
    assert (await home.find("https://ghcr.io")).credential == Anonymous()
    assert "DOCKER_AUTH_CONFIG" in caplog.text
    assert "canary" not in caplog.text


async def test_new_logins_are_seen(home: _Home) -> None:
    """A `docker login` while we run counts from the next request on."""
    provider = home.stores().provider("https://ghcr.io")
    assert (await provider.find("team/app")).credential == Anonymous()
    home.write(".docker/config.json", {"auths": {"ghcr.io": _entry("new")}})
    assert (await provider.find("team/app")).credential == _user("new")


async def test_forgetting_asks_the_helper_again(home: _Home) -> None:
    """A minute on, after a refusal the helper's new answer is used, and other registries' answers stay."""
    home.write(".docker/config.json", {"credsStore": "store"})
    home.helper("store", _printing("old"))
    stores = home.stores()
    ghcr, quay = stores.provider("https://ghcr.io"), stores.provider("https://quay.io")
    await ghcr.find("team/app")
    await quay.find("team/app")
    home.helper("store", _printing("new"))
    home.clock.advance(60)
    ghcr.forget()
    assert (await ghcr.find("team/app")).credential == UserPassword("new", "ghcr.io")
    assert (await quay.find("team/app")).credential == UserPassword("old", "quay.io")
