"""Real peers for the end-to-end tests: an upstream of each kind, a client, and an installation of the proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from e2e.docker_registry import Pushed, Upstream, password_registry, token_registry
from e2e.served_proxy import Installation
from e2e.skopeo import Skopeo
from fakes.images import Image, Index, build_image, build_index, write_layout


@pytest.fixture
def skopeo(tmp_path: Path) -> Skopeo:
    """A client with an empty home."""
    home = tmp_path / "client"
    home.mkdir()
    return Skopeo(home)


@pytest_asyncio.fixture(params=["password", "token"])
async def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Upstream]:
    """A docker-registry, once behind a password file and once behind a token server."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    start = password_registry if request.param == "password" else token_registry
    async with start(folder) as registry:
        yield registry


@pytest_asyncio.fixture
async def pushed(upstream: Upstream, skopeo: Skopeo, tmp_path: Path) -> Pushed:
    """Three images in the upstream: `layered` with five layers, `platforms`, an index of two, and `unpulled`."""
    layout = tmp_path / "images"
    repository = "acme/deep/application"
    images: dict[str, Image | Index] = {
        "layered": build_image(1, layers=5, layer_size=300_000),
        "platforms": build_index(2),
        "unpulled": build_image(9),
    }
    write_layout(layout, images)
    for tag in images:
        await skopeo.push(layout, tag, f"{upstream.host}/{repository}:{tag}", upstream.credentials)
    return Pushed(layout, repository)


@pytest.fixture
def installation(upstream: Upstream, tmp_path: Path) -> Installation:
    """A home in which the upstream's password stands in a Docker `config.json` and nowhere else."""
    prepared = Installation(tmp_path / "installation", upstream.host)
    prepared.prepare(upstream.credentials)
    return prepared
