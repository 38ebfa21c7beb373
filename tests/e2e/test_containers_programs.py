"""Real programs before one running proxy: skopeo, podman and curl, cold, warm and with the upstream gone."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.docker_registry import PASSWORD, USER, Upstream, password_registry
from e2e.peers import bare_environment, program, run
from e2e.served_proxy import SOURCE, Installation, ServedProxy
from e2e.skopeo import Skopeo, layout_contents
from fakes.images import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    Image,
    Index,
    Part,
    build_image,
    build_index,
    build_wasm,
    write_layout,
)
from fakes.wire import ask

pytestmark = [pytest.mark.ci, pytest.mark.timeout(300)]

SIGNATURE = "application/vnd.example.signature"
# One for each program, so that each begins with nothing cached.
FOR_SKOPEO, FOR_PODMAN, FOR_CURL = (f"acme/for/{name}" for name in ("skopeo", "podman", "curl"))
_CONTENT_REQUEST = re.compile(r'"(GET|HEAD) /v2/\S+/(blobs|manifests|tags|referrers)/')


@dataclass(frozen=True, slots=True)
class Goods:
    """What is pushed: an image of two platforms, a signed image, its signature, and a wasm artifact."""

    platforms: Index
    signed: Image
    signature: Image
    wasm: Image

    @property
    def tagged(self) -> dict[str, Image | Index]:
        """What skopeo pushes and pulls, by its tag."""
        return {"platforms": self.platforms, "signature": self.signature, "signed": self.signed, "wasm": self.wasm}

    @property
    def tags(self) -> list[str]:
        """All tags of a repository."""
        return sorted((*self.tagged, self.fallback[0]))

    @property
    def fallback(self) -> tuple[str, bytes]:
        """The fallback tag of what is signed, and the index that it leads to; skopeo knows no `artifactType`."""
        entry = self.signature.manifest.descriptor(artifactType=SIGNATURE)
        document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}
        return self.signed.manifest.digest.replace(":", "-"), json.dumps(document).encode()


def make_goods() -> Goods:
    """The same goods each time."""
    signed = build_image(3, layers=2, layer_size=900_000)
    payload, empty = Part("text/plain", b"signed by somebody"), Part("application/vnd.oci.empty.v1+json", b"{}")
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": SIGNATURE,
        "config": empty.descriptor(),
        "layers": [payload.descriptor()],
        "subject": signed.manifest.descriptor(),
    }
    signature = Image(Part(MANIFEST_TYPE, json.dumps(document).encode()), empty, (payload,))
    return Goods(build_index(5), signed, signature, build_wasm())


@dataclass(frozen=True, slots=True)
class Site:
    """A filled upstream, and a user's installation of the proxy before it."""

    upstream: Upstream
    installation: Installation
    goods: Goods
    layout: Path

    async def mark(self, words: str) -> None:
        """Leave a line in the upstream's log, for `asked_between`."""
        await ask(f"http://{self.upstream.host}", f"/v2/mark/{words}")

    def asked_between(self, begin: str, end: str) -> list[str]:
        """The requests for content between two marks; the upstream has to be stopped, so that its log is whole."""
        lines = self.upstream.peer.lines
        first, last = (next(i for i, line in enumerate(lines) if f"/mark/{words}" in line) for words in (begin, end))
        return [line for line in lines[first:last] if _CONTENT_REQUEST.search(line)]


@contextlib.asynccontextmanager
async def filled_site(folder: Path, skopeo: Skopeo) -> AsyncIterator[Site]:
    """Start an upstream and push the goods to it, once for each program."""
    goods, layout, home = make_goods(), folder / "goods", folder / "upstream"
    write_layout(layout, goods.tagged)
    home.mkdir()
    async with password_registry(home) as upstream:
        for repository in (FOR_SKOPEO, FOR_PODMAN, FOR_CURL):
            for tag in goods.tagged:
                await skopeo.push(layout, tag, f"{upstream.host}/{repository}:{tag}", upstream.credentials)
            await _put_fallback(goods, upstream, repository, folder)
        installation = Installation(folder / "installation", upstream.host)
        installation.prepare(upstream.credentials)
        yield Site(upstream, installation, goods, layout)


async def _put_fallback(goods: Goods, upstream: Upstream, repository: str, folder: Path) -> None:
    tag, index = goods.fallback
    file = folder / "fallback.json"
    file.write_bytes(index)
    url = f"http://{upstream.host}/v2/{repository}/manifests/{tag}"
    plain = ("--silent", "--show-error", "--fail", "--user", upstream.credentials, "--upload-file", str(file))
    header = f"Content-Type: {INDEX_TYPE}"
    await run(program("curl"), *plain, "--header", header, url, environment=bare_environment(folder))


async def skopeo_takes_everything(skopeo: Skopeo, proxy: ServedProxy, site: Site, folder: Path) -> None:
    """Every tag with all platforms, an artifact by its digest, inspection and the tags."""
    repository = f"{proxy.prefix}/{FOR_SKOPEO}"
    for tag in site.goods.tagged:
        await skopeo.copy(f"docker://{repository}:{tag}", f"oci:{folder / 'all'}:{tag}")
    assert layout_contents(folder / "all") == layout_contents(site.layout)
    signature = site.goods.signature.manifest.digest
    await skopeo.copy(f"docker://{repository}@{signature}", f"oci:{folder / 'signature'}:it")
    assert layout_contents(folder / "signature")["roots"] == {signature}
    assert (await skopeo.inspect(f"{repository}:signed"))["Digest"] == site.goods.signed.manifest.digest
    assert await skopeo.list_tags(repository) == site.goods.tags


@dataclass(frozen=True, slots=True)
class Podman:
    """Runs podman with a store and a configuration of its own; `state` is its runroot, 50 characters at most."""

    home: Path
    state: str

    async def run(self, *arguments: str) -> str:
        """Run a command; the ways of storing and logging are those that need nothing of the machine."""
        places = (f"--root={self.home / 'root'}", f"--runroot={self.state}", f"--tmpdir={self.home / 'tmp'}")
        plain = ("--storage-driver=vfs", "--events-backend=none", "--cgroup-manager=cgroupfs")
        registries = {"CONTAINERS_REGISTRIES_CONF": str(self.home / "registries.conf")}
        environment = {**bare_environment(self.home), **registries}
        return await run(program("podman"), *places, *plain, *arguments, environment=environment)


async def podman_takes_the_platforms(proxy: ServedProxy, site: Site, folder: Path) -> None:
    """One platform through the proxy's own address, the other through a mirror in registries.conf."""
    home = folder / "podman"
    home.mkdir()
    (home / "registries.conf").write_text(
        'unqualified-search-registries = []\n[[registry]]\nlocation = "registry.invalid"\n'
        f'[[registry.mirror]]\nlocation = "{proxy.prefix}"\ninsecure = true\n'
    )
    first, second = site.goods.platforms.images
    with tempfile.TemporaryDirectory() as state:
        podman = Podman(home, state)
        for image, platform, registry in ((first, "amd64", proxy.prefix), (second, "arm64", "registry.invalid")):
            reference = f"{registry}/{FOR_PODMAN}:platforms"
            await podman.run("pull", "--quiet", "--tls-verify=false", f"--platform=linux/{platform}", reference)
            seen = await podman.run("image", "inspect", "--format={{.Id}} {{.Architecture}}", reference)
            assert seen.split() == [image.config.digest.removeprefix("sha256:"), platform]


async def curl_takes_parts(proxy: ServedProxy, site: Site, folder: Path) -> None:
    """The wasm artifact, a layer whole, in a range and resumed, and who refers to the signed image."""
    url, goods = f"{proxy.url}/v2/{SOURCE}/{FOR_CURL}", site.goods
    file = folder / "taken"

    async def curl(path: str, *options: str) -> bytes:
        command = (program("curl"), "--silent", "--show-error", "--fail", *options, "--output", str(file), url + path)
        await run(*command, environment=bare_environment(folder))
        return file.read_bytes()

    accept = ("--header", f"Accept: {MANIFEST_TYPE}")
    assert await curl("/manifests/wasm", *accept) == goods.wasm.manifest.content
    (module,) = goods.wasm.layers
    assert await curl(f"/blobs/{module.digest}") == module.content
    assert await curl(f"/blobs/{goods.wasm.config.digest}") == goods.wasm.config.content
    layer = goods.signed.layers[0]
    path = f"/blobs/{layer.digest}"
    assert await curl(path, "--range", "500-1499") == layer.content[500:1500]
    file.write_bytes(layer.content[:1000])
    assert await curl(path, "--continue-at", "-") == layer.content
    assert f"Content-Length: {len(layer.content)}\r\n".encode() in await curl(path, "--head")
    referrers = json.loads(await curl(f"/referrers/{goods.signed.manifest.digest}?artifactType={SIGNATURE}"))
    assert [entry["digest"] for entry in referrers["manifests"]] == [goods.signature.manifest.digest]
    assert json.loads(await curl("/tags/list?n=2"))["tags"] == goods.tags[:2]


async def test_programs_before_one_proxy(skopeo: Skopeo, tmp_path: Path) -> None:
    """All three get the same right content cold, warm without a request upstream, and with the upstream stopped.

    At last the proxy is restarted with nothing fresh any more: what cannot be confirmed is served all the same.
    """
    async with filled_site(tmp_path, skopeo) as site:

        async def take(proxy: ServedProxy, phase: str) -> None:
            folder = tmp_path / phase
            folder.mkdir()
            await skopeo_takes_everything(skopeo, proxy, site, folder)
            await podman_takes_the_platforms(proxy, site, folder)
            await curl_takes_parts(proxy, site, folder)

        async with site.installation.serve() as proxy:
            await site.mark("cold")
            await take(proxy, "cold")
            await site.mark("warm")
            await take(proxy, "warm")
            await site.mark("end")
            await site.upstream.stop()
            await take(proxy, "stopped")
            assert await proxy.stop() == 0
        assert site.asked_between("cold", "warm")
        assert site.asked_between("warm", "end") == []
        configuration = site.installation.folder / "registry.toml"
        configuration.write_text(configuration.read_text().replace("[cache]\n", '[cache]\ntag_ttl = "0s"\n'))
        async with site.installation.serve() as proxy:
            await take(proxy, "restarted")
        log = "".join(proxy.peer.lines)
    assert (USER in log, PASSWORD in log) == (False, False)
