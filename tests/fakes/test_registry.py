"""The fake registry's honest side: content, tags, negotiation, pages, and the four rules of access."""

from __future__ import annotations

import json

import pytest
from fakes.access import Basic, Bearer, ConstantToken, basic_authorization
from fakes.images import INDEX_TYPE, MANIFEST_TYPE, Image, Part, build_image, build_index
from fakes.registry import FakeRegistry
from fakes.tokens import FakeTokenService
from fakes.wire import WireAnswer, ask


def hold(registry: FakeRegistry, repository: str, image: Image, *tags: str) -> str:
    for blob in image.blobs:
        registry.add_blob(repository, blob.content)
    return registry.add_manifest(repository, image.manifest.content, image.manifest.media_type, *tags)


async def read(registry: FakeRegistry, path: str, *headers: tuple[str, str], method: str = "GET") -> WireAnswer:
    return await ask(registry.url, f"/v2/{path}", headers=headers, method=method)


async def test_an_image_is_read_by_tag_digest_and_layer() -> None:
    """Every part of an image is found under its name, with its type, length and digest."""
    image = build_image()
    async with FakeRegistry() as registry:
        digest = hold(registry, "acme/deep/app", image, "v1")
        by_tag = await read(registry, "acme/deep/app/manifests/v1")
        by_digest = await read(registry, f"acme/deep/app/manifests/{digest}", method="HEAD")
        layer = await read(registry, f"acme/deep/app/blobs/{image.layers[0].digest}")
        elsewhere = await read(registry, f"other/blobs/{image.layers[0].digest}")
    assert by_tag.body == image.manifest.content
    assert by_digest.header("docker-content-digest") == by_tag.header("docker-content-digest") == digest
    assert by_digest.header("content-type") == MANIFEST_TYPE
    assert layer.body == image.layers[0].content
    assert elsewhere.status == 404


async def test_a_tag_with_two_types_answers_as_accepted() -> None:
    """The first accepted type that the tag has is served; with none accepted it is not found."""
    index = build_index()
    async with FakeRegistry() as registry:
        repository = "acme/app"
        digests = [registry.add_manifest(repository, index.manifest.content, INDEX_TYPE)]
        digests.append(hold(registry, repository, index.images[0]))
        registry.set_tag(repository, "v1", *digests)
        types = [
            (await read(registry, "acme/app/manifests/v1", ("Accept", accept))).header("content-type")
            for accept in (MANIFEST_TYPE, f"{INDEX_TYPE}, {MANIFEST_TYPE}", "*/*", "text/plain")
        ]
    assert types == [MANIFEST_TYPE, INDEX_TYPE, INDEX_TYPE, "application/json"]


async def test_tags_come_in_pages_with_an_opaque_cursor() -> None:
    """Following Link gives every tag once in lexical order; `n` and `last` cut as the specification says."""
    async with FakeRegistry(page_size=2) as registry:
        registry.add_manifest("a/b", b"{}", MANIFEST_TYPE, "v3", "v1", "v5", "v2", "v4")
        found: list[str] = []
        target: str | None = "/v2/a/b/tags/list"
        while target is not None:
            page = await ask(registry.url, target)
            found += json.loads(page.body)["tags"]
            link = page.header("link")
            target = link[1 : link.index(">")] if link else None
        none = await read(registry, "a/b/tags/list?n=0")
        some = await read(registry, "a/b/tags/list?n=1&last=v3")
    assert found == ["v1", "v2", "v3", "v4", "v5"]
    assert (json.loads(none.body)["tags"], none.header("link")) == ([], None)
    assert json.loads(some.body)["tags"] == ["v4"]


async def test_a_moved_and_a_removed_tag() -> None:
    """A tag follows `set_tag` and is gone after `remove_tag`; its manifest stays."""
    async with FakeRegistry() as registry:
        first = registry.add_manifest("a/b", b"{}", MANIFEST_TYPE, "latest")
        second = registry.add_manifest("a/b", b"{ }", MANIFEST_TYPE)
        registry.set_tag("a/b", "latest", second)
        moved = await read(registry, "a/b/manifests/latest")
        registry.remove_tag("a/b", "latest")
        gone = await read(registry, "a/b/manifests/latest")
        kept = await read(registry, f"a/b/manifests/{first}")
    assert (moved.body, gone.status, kept.body) == (b"{ }", 404, b"{}")


async def test_etags_are_honoured_when_asked_for() -> None:
    """With `etags` the same digest is not sent twice."""
    async with FakeRegistry(etags=True) as registry:
        digest = registry.add_manifest("a/b", b"{}", MANIFEST_TYPE, "v1")
        answer = await read(registry, "a/b/manifests/v1", ("If-None-Match", f'"{digest}"'))
    assert (answer.status, answer.body, answer.header("etag")) == (304, b"", f'"{digest}"')


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_referrers_and_other_algorithms(algorithm: str) -> None:
    """Referrers are the bytes given, an empty index otherwise, or 404 on an old registry; digests may be sha512."""
    index = build_index().manifest
    async with FakeRegistry() as registry, FakeRegistry(referrers=False) as old:
        digest = registry.add_manifest("a/b", b"{}", MANIFEST_TYPE, "v1", algorithm=algorithm)
        old.add_blob("a/b", b"")
        registry.add_referrers("a/b", digest, index.content)
        some = await read(registry, f"a/b/referrers/{digest}")
        none = await read(registry, "a/b/referrers/sha256:" + "0" * 64)
        refused = await read(old, f"a/b/referrers/{digest}")
    assert digest.startswith(algorithm + ":")
    assert some.body == index.content
    assert json.loads(none.body)["manifests"] == []
    assert (none.header("content-type"), refused.status) == (INDEX_TYPE, 404)


async def test_basic_and_constant_access() -> None:
    """Only the right password, or the one fixed token, is let in; refusals carry a challenge and are counted."""
    async with FakeRegistry(Basic("user", "word")) as basic, FakeRegistry(ConstantToken("t0")) as constant:
        basic.add_blob("a/b", b"")
        refused = await read(basic, "")
        allowed = await read(basic, "", ("Authorization", basic_authorization("user", "word")))
        wrong = await read(constant, "", ("Authorization", "Bearer t1"))
        right = await read(constant, "", ("Authorization", "Bearer t0"))
        assert (basic.challenges, constant.challenges) == (1, 1)
    assert (refused.status, refused.header("www-authenticate")) == (401, 'Basic realm="registry"')
    assert (allowed.status, wrong.status, right.status) == (200, 401, 200)


async def test_a_token_fits_its_own_repository_only() -> None:
    """A token for one repository is refused at another, and at its own once expired."""
    async with FakeTokenService({"user": "word"}) as tokens, FakeRegistry(Bearer(tokens)) as registry:
        for repository in ("a/b", "a/c"):
            registry.add_manifest(repository, b"{}", MANIFEST_TYPE, "v1")
        refused = await read(registry, "a/b/manifests/v1")
        scope = "repository:a/b:pull"
        given = await ask(
            tokens.url,
            f"/token?service=registry.test&scope={scope}",
            headers=[("Authorization", basic_authorization("user", "word"))],
        )
        bearer = ("Authorization", "Bearer " + json.loads(given.body)["token"])
        statuses = [(await read(registry, f"{name}/manifests/v1", bearer)).status for name in ("a/b", "a/c")]
        tokens.expire_all()
        statuses.append((await read(registry, "a/b/manifests/v1", bearer)).status)
        expected = f'Bearer realm="{tokens.url}/token",service="registry.test",scope="{scope}"'
    assert refused.header("www-authenticate") == expected
    assert statuses == [200, 401, 401]


def test_a_part_names_itself() -> None:
    """A descriptor carries type, digest and size, and whatever is added."""
    part = Part("text/plain", b"hello")
    assert part.descriptor(platform={})["size"] == 5
    assert str(part.descriptor()["digest"]).startswith("sha256:2cf24dba")
