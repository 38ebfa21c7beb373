"""What the upstreams of the conformance checks hold: every shape of content that the specification knows."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from fakes.content import Pattern
from fakes.faults import Headers, Status
from fakes.images import CONFIG_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE
from fakes.registry import FakeRegistry

REPOSITORY = "acme/deep/app"
TAGS_REPOSITORY = "acme/tags"
UNTAGGED_REPOSITORY = "acme/untagged"
NULL_REPOSITORY = "acme/null"

MODERN = "modern"
"""The source with the referrers API and ETags."""
LEGACY = "legacy"
"""The source from before 1.1: no referrers API, only fallback tags."""
PAGED = "paged"
"""The source that gives its lists in pages of three, by an opaque cursor."""

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
FOREIGN_TYPE = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
SIGNATURE = "application/vnd.example.signature"
BILL = "application/vnd.example.bill+json"

CATALOG = {
    f"{LEGACY}/{REPOSITORY}": f"/v2/{LEGACY}/{REPOSITORY}/manifests/v1",
    f"{MODERN}/{REPOSITORY}": f"/v2/{MODERN}/{REPOSITORY}/manifests/image",
    f"{PAGED}/{TAGS_REPOSITORY}": f"/v2/{PAGED}/{TAGS_REPOSITORY}/manifests/latest",
}
"""The repositories of which a manifest is pulled, by the name that leads to each, and that manifest's path."""

TAGS = ("10", "9", "V1", "_hidden", "latest", "v1.0", "v1.0.1", "v1.1-rc.1", "v2", "v2-alpine", "z" * 128)
"""Tags whose lexical order is neither numeric nor blind to case."""


@dataclass(frozen=True, slots=True)
class Item:
    """A manifest or blob: its path through the proxy, its bytes, its type and its digest."""

    target: str
    content: bytes = field(repr=False)
    media_type: str
    digest: str

    @property
    def descriptor(self) -> dict[str, object]:
        """How a manifest names it (image-spec, descriptor.md)."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


@dataclass(frozen=True, slots=True)
class Published:
    """All content by its name in the tests; `tags` leads from a tag of `REPOSITORY` to its manifest."""

    blobs: Mapping[str, Item]
    manifests: Mapping[str, Item]
    tags: Mapping[str, Item]
    referrers: Mapping[str, tuple[Item, list[dict[str, object]]]]

    @property
    def targets(self) -> tuple[str, ...]:
        """Everything that a client could have asked for, each once."""
        prefix = f"/v2/{MODERN}/{REPOSITORY}"
        return (
            *(item.target for item in (*self.blobs.values(), *self.manifests.values())),
            *(f"{prefix}/manifests/{tag}" for tag in self.tags),
            *(referrers_target(subject) for subject, _ in self.referrers.values()),
            *CATALOG.values(),
            f"{prefix}/tags/list",
            *(f"/v2/{PAGED}/{name}/tags/list" for name in (TAGS_REPOSITORY, UNTAGGED_REPOSITORY, NULL_REPOSITORY)),
        )


def referrers_target(subject: Item) -> str:
    """Where the referrers of a manifest are listed."""
    return subject.target.replace("/manifests/", "/referrers/")


def publish(modern: FakeRegistry, legacy: FakeRegistry, paged: FakeRegistry) -> Published:
    """Fill three upstreams."""
    shelf = _Shelf(MODERN, modern)
    blobs = _publish_blobs(shelf)
    manifests, tags = _publish_manifests(shelf, blobs)
    referrers = {
        **_publish_referrers(shelf, modern, blobs["object"]),
        **_publish_fallbacks(_Shelf(LEGACY, legacy)),
    }
    _publish_tags(_Shelf(PAGED, paged), paged)
    return Published(blobs, manifests, tags, referrers)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """One source's upstream, filled in one repository."""

    source: str
    upstream: FakeRegistry
    repository: str = REPOSITORY

    def blob(self, content: bytes, media_type: str, algorithm: str = "sha256") -> Item:
        digest = self.upstream.add_blob(self.repository, content, algorithm)
        return self._item("blobs", content, media_type, digest)

    def manifest(self, media_type: str, fields: Mapping[str, object], *tags: str, algorithm: str = "sha256") -> Item:
        # Odd white space: a proxy that read and wrote the document again would lose it, and the digest with it.
        content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}, indent=3).encode() + b"\n"
        digest = self.upstream.add_manifest(self.repository, content, media_type, *tags, algorithm=algorithm)
        return self._item("manifests", content, media_type, digest)

    def _item(self, action: str, content: bytes, media_type: str, digest: str) -> Item:
        return Item(f"/v2/{self.source}/{self.repository}/{action}/{digest}", content, media_type, digest)


def _publish_blobs(shelf: _Shelf) -> dict[str, Item]:
    small, large = Pattern(5000, 1), Pattern(700 * 1024 + 1, 2)
    return {
        "config": shelf.blob(b'{"architecture":"amd64","os":"linux"}', CONFIG_TYPE),
        "small": shelf.blob(small.read(0, small.size), LAYER_TYPE),
        "large": shelf.blob(large.read(0, large.size), LAYER_TYPE),
        "empty": shelf.blob(b"", LAYER_TYPE),
        "object": shelf.blob(b"{}", EMPTY_TYPE),
        "sha512": shelf.blob(b"named by another algorithm", LAYER_TYPE, "sha512"),
        "large sha512": shelf.blob(large.read(1, large.size), LAYER_TYPE, "sha512"),
        "foreign": shelf.blob(b"a layer that others may not hand on", FOREIGN_TYPE),
    }


def _publish_manifests(shelf: _Shelf, blobs: Mapping[str, Item]) -> tuple[dict[str, Item], dict[str, Item]]:
    def image(media_type: str, *layers: Mapping[str, object], config: Mapping[str, object], **more: object) -> Item:
        return shelf.manifest(media_type, {"config": config, "layers": list(layers), **more})

    config, small, large = (blobs[name].descriptor for name in ("config", "small", "large"))
    elsewhere = {"urls": ["http://127.0.0.1:1/never/asked"]}
    inline = {**blobs["object"].descriptor, "data": base64.b64encode(b"{}").decode()}
    first = image(MANIFEST_TYPE, small, large, config=config)
    second = image(MANIFEST_TYPE, blobs["empty"].descriptor, config=config)
    index = shelf.manifest(INDEX_TYPE, {"manifests": [_platform(first, "amd64"), _platform(second, "arm64")]})
    docker = image(DOCKER_MANIFEST, small, config=config)
    absent = {"mediaType": MANIFEST_TYPE, "digest": "sha256:" + "ab" * 32, "size": 500}
    manifests = {
        "image": first,
        "image of an empty layer": second,
        "index": index,
        "nested index": shelf.manifest(INDEX_TYPE, {"manifests": [index.descriptor]}),
        "sparse index": shelf.manifest(INDEX_TYPE, {"manifests": [first.descriptor, absent]}),
        "empty index": shelf.manifest(INDEX_TYPE, {"manifests": []}),
        "inline data": image(MANIFEST_TYPE, inline, config=inline, artifactType=BILL),
        "foreign layers": image(
            MANIFEST_TYPE,
            {**blobs["foreign"].descriptor, **elsewhere},
            {**_described(b"not held by the registry", FOREIGN_TYPE), **elsewhere},
            config=config,
        ),
        "sha512": shelf.manifest(MANIFEST_TYPE, {"config": config, "layers": [small]}, algorithm="sha512"),
        "sha512 content": image(MANIFEST_TYPE, blobs["sha512"].descriptor, config=config),
        "docker image": docker,
        "docker list": shelf.manifest(DOCKER_LIST, {"manifests": [docker.descriptor]}),
        "artifact": image(
            MANIFEST_TYPE, inline, config=inline, artifactType=SIGNATURE, subject=first.descriptor, annotations={}
        ),
    }
    tagged = {name.replace(" ", "-"): item for name, item in manifests.items()}
    for tag, item in tagged.items():
        shelf.upstream.set_tag(shelf.repository, tag, item.digest)
    return manifests, tagged


def _publish_referrers(
    shelf: _Shelf, upstream: FakeRegistry, empty: Item
) -> dict[str, tuple[Item, list[dict[str, object]]]]:
    """Subjects whose referrers the API lists: five of two types, none, one of an absent subject, in two pages."""

    def subject(label: str) -> Item:
        fields = {"config": empty.descriptor, "layers": [empty.descriptor], "annotations": {"subject": label}}
        return shelf.manifest(MANIFEST_TYPE, fields)

    signed, bare, first_page = subject("signed"), subject("bare"), subject("in pages")
    nowhere = "sha256:" + "cd" * 32
    absent = Item(f"/v2/{shelf.source}/{shelf.repository}/manifests/{nowhere}", b"", MANIFEST_TYPE, nowhere)
    five = [_referrer(number, SIGNATURE if number % 2 else BILL) for number in range(5)]
    upstream.add_referrers(shelf.repository, signed.digest, _index(five))
    upstream.add_referrers(shelf.repository, absent.digest, _index(five[:1]))
    upstream.add_referrers(shelf.repository, first_page.digest, _index(five[:3]))
    pages = f"/referrers/{first_page.digest}"
    upstream.always(pages, Headers((("Link", f'<?cursor=opaque%3D>; rel="next", <{pages}>; rel="first"'),)))
    upstream.always("?cursor=opaque%3D", Status(200, (("Content-Type", INDEX_TYPE),), _index(five[3:])))
    return {"signed": (signed, five), "bare": (bare, []), "absent": (absent, five[:1]), "paged": (first_page, five)}


def _publish_fallbacks(shelf: _Shelf) -> dict[str, tuple[Item, list[dict[str, object]]]]:
    """Subjects of a registry without the API: their fallback tags lead to an index, and to what is none."""
    listed = [_referrer(9, SIGNATURE), _referrer(8, BILL)]

    def subject(label: str, algorithm: str = "sha256") -> Item:
        fields = {"manifests": [_referrer(7, SIGNATURE)], "annotations": {"subject": label}}
        return shelf.manifest(INDEX_TYPE, fields, algorithm=algorithm)

    def point(subject: Item, target: Item) -> None:
        algorithm, _, hexadecimal = subject.digest.partition(":")
        shelf.upstream.set_tag(shelf.repository, f"{algorithm}-{hexadecimal[:64]}", target.digest)

    index = shelf.manifest(INDEX_TYPE, {"manifests": listed}, "v1")
    image = shelf.manifest(MANIFEST_TYPE, {"config": listed[0], "layers": []})
    subjects = {name: subject(name) for name in ("fallback", "fallback to itself", "fallback to an image", "no tag")}
    subjects["fallback of sha512"] = subject("sha512", "sha512")
    point(subjects["fallback"], index)
    point(subjects["fallback of sha512"], index)
    point(subjects["fallback to itself"], subjects["fallback to itself"])
    point(subjects["fallback to an image"], image)
    found = {"fallback", "fallback of sha512"}
    return {name: (item, listed if name in found else []) for name, item in subjects.items()}


REFERRERS = (
    "signed",
    "bare",
    "absent",
    "paged",
    "fallback",
    "fallback to itself",
    "fallback to an image",
    "no tag",
    "fallback of sha512",
)


def _publish_tags(shelf: _Shelf, upstream: FakeRegistry) -> None:
    content = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}).encode()
    upstream.add_manifest(TAGS_REPOSITORY, content, INDEX_TYPE, *TAGS)
    upstream.add_manifest(UNTAGGED_REPOSITORY, content, INDEX_TYPE)
    listing = json.dumps({"name": NULL_REPOSITORY, "tags": None}).encode()
    upstream.always(f"/v2/{NULL_REPOSITORY}/tags/list", Status(200, (("Content-Type", "application/json"),), listing))


def _platform(item: Item, architecture: str) -> dict[str, object]:
    return {**item.descriptor, "platform": {"os": "linux", "architecture": architecture}}


def _described(content: bytes, media_type: str) -> dict[str, object]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _referrer(number: int, artifact_type: str) -> dict[str, object]:
    described = _described(str(number).encode(), MANIFEST_TYPE)
    return {**described, "artifactType": artifact_type, "annotations": {"number": str(number)}}


def _index(descriptors: list[dict[str, object]]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": descriptors}).encode()
