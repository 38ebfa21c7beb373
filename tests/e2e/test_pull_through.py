"""The promise to a user, with real parts: pull without credentials, then again without the upstream."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.canary import search
from e2e.docker_registry import PASSWORD, Pushed, Upstream
from e2e.served_proxy import Installation, ServedProxy
from e2e.skopeo import Skopeo, layout_contents
from fakes.wire import ask

PULLED = ("layered", "platforms")


async def pull(skopeo: Skopeo, proxy: ServedProxy, pushed: Pushed, folder: Path) -> None:
    for tag in PULLED:
        await skopeo.copy(f"docker://{proxy.prefix}/{pushed.repository}:{tag}", f"oci:{folder}:{tag}")


def expected(pushed: Pushed, folder: Path) -> dict[str, frozenset[str]]:
    """What a pull of all but the image that nobody pulls must give."""
    entries = json.loads((pushed.layout / "index.json").read_text())["manifests"]
    names = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in entries}
    blobs = frozenset(
        file.name
        for file in (pushed.layout / "blobs" / "sha256").iterdir()
        if (folder / "blobs" / "sha256" / file.name).exists()
    )
    return {"roots": frozenset(names[tag] for tag in PULLED), "blobs": blobs}


async def test_pulls_through_the_proxy_give_the_upstreams_digests(
    upstream: Upstream, pushed: Pushed, installation: Installation, skopeo: Skopeo, tmp_path: Path
) -> None:
    """A client without credentials gets the same digests, and the second pull asks the upstream for no blob."""
    async with installation.serve() as proxy:
        await pull(skopeo, proxy, pushed, tmp_path / "first")
        blobs = upstream.answered("GET", "/blobs/")
        await pull(skopeo, proxy, pushed, tmp_path / "second")
        assert upstream.answered("GET", "/blobs/") == blobs
        assert sorted(await skopeo.list_tags(f"{proxy.prefix}/{pushed.repository}")) == sorted((*PULLED, "unpulled"))
        assert await proxy.stop() == 0
    first, second = layout_contents(tmp_path / "first"), layout_contents(tmp_path / "second")
    assert first == second == expected(pushed, tmp_path / "first")
    assert len(first["blobs"]) == (1 + 1 + 5) + (1 + 2 * 4)


async def test_what_was_pulled_outlives_the_upstream_and_a_restart(
    upstream: Upstream, pushed: Pushed, installation: Installation, skopeo: Skopeo, tmp_path: Path
) -> None:
    """With the upstream stopped and the proxy restarted, copy, inspect and a list never asked before work."""
    async with installation.serve() as proxy:
        await pull(skopeo, proxy, pushed, tmp_path / "before")
        await proxy.stop()
    await upstream.stop()
    async with installation.serve() as proxy:
        await pull(skopeo, proxy, pushed, tmp_path / "after")
        repository = f"{proxy.prefix}/{pushed.repository}"
        inspected = await skopeo.inspect(f"{repository}:layered")
        tags = await skopeo.list_tags(repository)
        answer = await ask(proxy.url, f"/v2/{repository.partition('/')[2]}/tags/list")
    assert layout_contents(tmp_path / "after") == layout_contents(tmp_path / "before")
    assert inspected["Digest"] in layout_contents(tmp_path / "before")["roots"]
    assert sorted(tags) == sorted(PULLED)
    assert any("partial" in value.lower() for _, value in answer.head.headers)


async def test_a_list_asked_before_is_whole_without_the_upstream(
    upstream: Upstream, pushed: Pushed, installation: Installation, skopeo: Skopeo
) -> None:
    """A tag list that was asked for while the upstream was there is given in full afterwards, unpulled tags too."""
    async with installation.serve() as proxy:
        before = await skopeo.list_tags(f"{proxy.prefix}/{pushed.repository}")
        await proxy.stop()
    await upstream.stop()
    async with installation.serve() as proxy:
        after = await skopeo.list_tags(f"{proxy.prefix}/{pushed.repository}")
    assert sorted(before) == sorted(after) == sorted((*PULLED, "unpulled"))


async def test_the_password_stays_where_it_was(
    upstream: Upstream, pushed: Pushed, installation: Installation, skopeo: Skopeo, tmp_path: Path
) -> None:
    """After pulls and a failure the password is in no file, log line or answer, and tokens were asked for reading."""
    if upstream.tokens is not None:
        upstream.tokens.clear()
    async with installation.serve() as proxy:
        await pull(skopeo, proxy, pushed, tmp_path / "pulled")
        answers = [await ask(proxy.url, "/v2/private/acme/missing/manifests/none")]
        if upstream.tokens is not None:
            scopes = {request.parameter("scope") for request in upstream.tokens.requests}
            assert scopes == {f"repository:{name}:pull" for name in (pushed.repository, "acme/missing")}
        await upstream.stop()
        answers.append(await ask(proxy.url, f"/v2/private/{pushed.repository}/manifests/unpulled"))
        await proxy.stop()
        log = "".join(proxy.peer.lines)
    said = [repr(answer.head).encode() + answer.body for answer in answers]
    assert [answer.status >= 400 for answer in answers] == [True, True]
    assert search(PASSWORD, installation.data, log, *said) == []
