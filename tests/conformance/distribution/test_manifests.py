"""Pulling manifests (spec.md, "Pulling manifests"; the suites' "Pull manifests" and `read-only/pull` checks)."""

from __future__ import annotations

import pytest
from conformance.distribution.published import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    LEGACY,
    MODERN,
    REPOSITORY,
    Item,
)
from conformance.distribution.stage import Scene, error_code
from fakes.images import INDEX_TYPE, MANIFEST_TYPE
from fakes.wire import WireAnswer

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREFIX = f"/v2/{MODERN}/{REPOSITORY}/manifests/"
ALL_TYPES = f"{MANIFEST_TYPE}, {INDEX_TYPE}, {DOCKER_MANIFEST}, {DOCKER_LIST}"


def check_manifest(answer: WireAnswer, item: Item, method: str) -> None:
    """Exact bytes, and the three headers without which crane and containerd ask again or give up."""
    assert answer.status == 200
    assert answer.header("Content-Type") == item.media_type
    assert answer.header("Docker-Content-Digest") == item.digest
    assert answer.header("Content-Length") == str(len(item.content))
    assert answer.header("ETag") == f'"{item.digest}"'
    assert answer.header("Content-Encoding") is None
    assert answer.body == (b"" if method == "HEAD" else item.content)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_manifest_by_digest(scene: Scene, method: str) -> None:
    """Every shape of manifest comes byte for byte, under the type and the digest algorithm that it has."""
    before = scene.asked
    for item in scene.published.manifests.values():
        check_manifest(await scene.ask(method, item.target, Accept=ALL_TYPES), item, method)
    scene.check_quiet(before)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_manifest_by_tag(scene: Scene, method: str) -> None:
    """A tag gives its manifest; where the upstream cannot confirm it any more, the answer says that it is stale."""
    before = scene.asked
    for tag, item in scene.published.tags.items():
        answer = await scene.ask(method, PREFIX + tag, Accept=ALL_TYPES)
        check_manifest(answer, item, method)
        assert (answer.header("Warning") is not None) == scene.state.cut_off
    scene.check_quiet(before)


@pytest.mark.parametrize("accept", [None, "*/*", MANIFEST_TYPE, ALL_TYPES, f"{INDEX_TYPE};q=0.5, {MANIFEST_TYPE}"])
async def test_any_accept_that_takes_the_type(scene: Scene, accept: str | None) -> None:
    """However a client words that it takes an image manifest, it gets the one there is."""
    item = scene.published.manifests["image"]
    headers = {} if accept is None else {"Accept": accept}
    for reference in (item.digest, "image"):
        check_manifest(await scene.get(PREFIX + reference, **headers), item, "GET")


async def test_a_type_that_is_not_accepted_is_not_sent(scene: Scene) -> None:
    """A client that takes an index alone is never given an image under a tag that it named."""
    answer = await scene.get(PREFIX + "image", Accept=INDEX_TYPE)
    scene.check_never_asked(answer, "MANIFEST_UNKNOWN")
    assert answer.header("Docker-Content-Digest") is None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_odd_tag_is_not_found(scene: Scene, method: str) -> None:
    """What can be no tag is 404, never 400 (the suite's `.INVALID_MANIFEST_NAME`), and no upstream hears of it."""
    before = scene.asked
    for tag in (".INVALID_MANIFEST_NAME", "-dash", "+plus", "~", "a%20b", "tag!", "a" * 129, "%C3%A9", "v1@sha256"):
        answer = await scene.ask(method, PREFIX + tag)
        assert answer.status == 404, tag
        assert method == "HEAD" or error_code(answer) == "MANIFEST_UNKNOWN"
    assert scene.asked == before


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_missing_manifest(scene: Scene, method: str) -> None:
    """`missing-manifest/by-tag` and `by-digest`: 404 with the code for manifests, while the upstream can say so."""
    for reference in ("no-such-tag", "sha256", "sha256:" + "0" * 64, "sha512:" + "0" * 128):
        answer = await scene.ask(method, PREFIX + reference)
        scene.check_never_asked(answer, "MANIFEST_UNKNOWN", method=method)


async def test_a_missing_child_of_a_sparse_index(scene: Scene) -> None:
    """An index may name what the registry does not hold: the child is 404, the index and the other child are not."""
    answer = await scene.get(PREFIX + "sha256:" + "ab" * 32)
    scene.check_never_asked(answer, "MANIFEST_UNKNOWN")
    item = scene.published.manifests["image"]
    check_manifest(await scene.get(item.target), item, "GET")


async def test_a_missing_repository(scene: Scene) -> None:
    """A repository that the upstream does not have has no manifest; that another one has it opens nothing."""
    item = scene.published.manifests["image"]
    for name in (f"{MODERN}/acme/deep/other", f"{LEGACY}/{REPOSITORY}"):
        for reference in ("image", item.digest):
            answer = await scene.get(f"/v2/{name}/manifests/{reference}")
            scene.check_never_asked(answer, "MANIFEST_UNKNOWN")


async def test_a_manifest_held_already(scene: Scene) -> None:
    """If-None-Match with the digest, quoted, weak or bare, is 304 without a body; another one gives the whole."""
    item = scene.published.manifests["image"]
    for tag in (f'"{item.digest}"', f'W/"{item.digest}"', item.digest, "*"):
        answer = await scene.get(PREFIX + "image", If_None_Match=tag)
        assert answer.status == 304
        assert answer.body == b""
        assert answer.header("Docker-Content-Digest") == item.digest
    answer = await scene.get(PREFIX + "image", If_None_Match='"sha256:other"')
    check_manifest(answer, item, "GET")
