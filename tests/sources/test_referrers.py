"""Referrers: the upstream's index as it is, several pages as one, filters answered here."""

from __future__ import annotations

import json

import pytest
from sources.routes import DIGEST, ScriptedSource, list_of, oci_source, page

from proxy.core.accept import OCI_INDEX, OCI_MANIFEST
from proxy.core.digest import Digest
from proxy.core.errors import (
    SourceBroken,
    SourceDenied,
    SourceError,
    SourceLimited,
    SourceTimeout,
    SourceUnreachable,
)
from proxy.core.wants import Page, Place
from proxy.sources.routing import OciRoutes

_ROUTES = OciRoutes([oci_source("private", "https://example.com", hosts=("example.com",), default=True)])
_PATH = f"/v2/a/referrers/{DIGEST}"
_SIGNATURE = {"mediaType": "m", "digest": DIGEST, "size": 1, "artifactType": "application/vnd.example.signature"}
_REPORT = {"mediaType": "m", "digest": DIGEST, "size": 2, "artifactType": "application/vnd.example.report"}
_PLAIN = {"mediaType": "m", "digest": DIGEST, "size": 3}


def _index(*descriptors: object) -> bytes:
    # Blanks that no writer of ours makes: the bytes must survive.
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(descriptors)}
    return json.dumps(document, indent=3).encode()


async def _assemble(*bodies: bytes) -> bytes:
    """The content made of so many pages."""
    paths = [_PATH, *(f"{_PATH}?cursor={number}" for number in range(1, len(bodies)))]
    links = [*(f"<{path}>; rel=next" for path in paths[1:]), None]
    pages = {path: page(body, link) for path, body, link in zip(paths, bodies, links, strict=True)}
    return await list_of(_ROUTES, _PATH).assemble(ScriptedSource(pages))


async def test_one_page_stays_as_it_is() -> None:
    """The upstream's bytes are not written anew."""
    body = _index(_SIGNATURE)
    assert await _assemble(body) == body
    assert list_of(_ROUTES, _PATH).present(body).body == body


async def test_pages_are_merged() -> None:
    """Several pages become one index of all their entries in order."""
    merged = json.loads(await _assemble(_index(_SIGNATURE), _index(), _index(_REPORT, _PLAIN)))
    assert merged == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [_SIGNATURE, _REPORT, _PLAIN]}


@pytest.mark.parametrize(
    ("artifact_type", "expected"),
    [
        ("application/vnd.example.signature", [_SIGNATURE]),
        ("application/vnd.example.report", [_REPORT]),
        ("application/vnd.example.other", []),
        ("APPLICATION/VND.EXAMPLE.REPORT", []),
    ],
)
def test_filters(artifact_type: str, expected: list[object]) -> None:
    """A filter is answered from the whole list, and the answer says that it was."""
    shown = list_of(_ROUTES, f"{_PATH}?artifactType={artifact_type}").present(
        _index(_SIGNATURE, _REPORT, _PLAIN, "odd")
    )
    assert json.loads(shown.body)["manifests"] == expected
    assert shown.headers == {"OCI-Filters-Applied": "artifactType"}
    assert shown.media_type == OCI_INDEX


def test_without_a_filter() -> None:
    """Nothing is said of filters where none was asked for."""
    assert list_of(_ROUTES, _PATH).present(_index(_SIGNATURE)).headers == {}


def test_filters_share_a_key() -> None:
    """The whole list is kept once, whatever was asked of it."""
    assert list_of(_ROUTES, f"{_PATH}?artifactType=x").key == list_of(_ROUTES, _PATH).key


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"manifests":"x"}', b'{"manifests":{}}', b"null", b'{"manifests":' + b"[" * 50_000],
)
async def test_no_index(body: bytes) -> None:
    """Anything else than an index is the source's failure, on the first page and on a later one."""
    with pytest.raises(SourceBroken):
        await _assemble(body)
    with pytest.raises(SourceBroken):
        await _assemble(_index(_PLAIN), body)


@pytest.mark.parametrize("body", [b"{}", b'{"manifests":null}', b'{"manifests":[]}'])
async def test_empty_indexes(body: bytes) -> None:
    """An index of nothing is an answer."""
    want = list_of(_ROUTES, f"{_PATH}?artifactType=x")
    assert json.loads(want.present(await _assemble(body)).body)["manifests"] == []


_FALLBACK = f"/v2/a/manifests/{DIGEST.replace(':', '-')}"


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        (page(_index(_SIGNATURE), media_type=OCI_INDEX), True),
        (page(_index(_SIGNATURE), media_type="application/json"), True),
        (page(b'{"schemaVersion":2,"config":{},"layers":[]}', media_type=OCI_MANIFEST), False),
        (page(b"<html>", media_type="text/html"), False),
        (None, False),
    ],
)
async def test_the_fallback_tag(found: Page | None, believed: bool) -> None:
    """Where there is no such endpoint the fallback tag's index is taken, and nothing else that may be there."""
    source = ScriptedSource({} if found is None else {_FALLBACK: found})
    content = await list_of(_ROUTES, _PATH).assemble(source)
    assert json.loads(content)["manifests"] == ([_SIGNATURE] if believed else [])
    assert [place.path for place in source.asked] == [_PATH, _FALLBACK]


async def test_the_subject_is_not_its_own_referrer() -> None:
    """A registry that resolves the fallback tag to the subject itself, an index, has told of no referrers."""
    subject = _index(_PLAIN)
    digest = Digest.of(subject)
    source = ScriptedSource({f"/v2/a/manifests/sha256-{digest.hex}": page(subject, media_type=OCI_INDEX)})
    content = await list_of(_ROUTES, f"/v2/a/referrers/{digest}").assemble(source)
    assert json.loads(content)["manifests"] == []


@pytest.mark.parametrize(
    "failure",
    [
        SourceUnreachable("503"),
        SourceTimeout("silent"),
        SourceDenied("403"),
        SourceLimited("429", retry_after=5),
        SourceBroken("too long"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_fallback_tag_that_cannot_be_asked(failure: SourceError) -> None:
    """Only a tag that is not there means no referrers: any other failure is one, and nothing is kept of it."""
    missing = ScriptedSource({})

    async def ask(place: Place, limit: int) -> Page:
        if place.path == _FALLBACK:
            raise failure
        return await missing(place, limit)

    with pytest.raises(SourceError) as caught:
        await list_of(_ROUTES, _PATH).assemble(ask)
    assert caught.value is failure
