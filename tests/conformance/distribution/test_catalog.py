"""The catalog: what is cached, by names that lead to it (distribution's `GET /v2/_catalog`)."""

from __future__ import annotations

import json

import pytest
from conformance.distribution.published import CATALOG
from conformance.distribution.stage import Scene, State, error_code, next_page
from fakes.wire import WireAnswer

pytestmark = pytest.mark.asyncio(loop_scope="session")

TARGET = "/v2/_catalog"
SORTED = sorted(CATALOG)


def repositories_of(answer: WireAnswer) -> list[str]:
    """The names in a catalog."""
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json"
    repositories: list[str] = json.loads(answer.body)["repositories"]
    assert isinstance(repositories, list)
    return repositories


async def pull_from_each(scene: Scene) -> None:
    for target in CATALOG.values():
        assert (await scene.get(target)).status == 200


async def test_the_catalog_is_what_is_cached(scene: Scene) -> None:
    """A repository is listed once something of it was pulled, and no upstream is asked for that."""
    before = scene.asked
    assert repositories_of(await scene.get(TARGET)) == ([] if scene.state is State.COLD else SORTED)
    assert scene.asked == before
    await pull_from_each(scene)
    assert repositories_of(await scene.get(TARGET)) == SORTED


async def test_every_name_leads_to_its_repository(scene: Scene) -> None:
    """What the catalog names can be asked for by that name: at least the tag that was pulled is there."""
    await pull_from_each(scene)
    for name in repositories_of(await scene.get(TARGET)):
        answer = await scene.get(f"/v2/{name}/tags/list")
        assert answer.status == 200
        assert CATALOG[name].rpartition("/")[2] in json.loads(answer.body)["tags"]


@pytest.mark.parametrize("number", [1, 2, 3, 100])
async def test_the_links_lead_to_the_end(scene: Scene, number: int) -> None:
    """By `n` and links every repository is seen once, in order."""
    await pull_from_each(scene)
    seen: list[str] = []
    target: str | None = f"{TARGET}?n={number}"
    while target is not None:
        assert target.startswith(f"{TARGET}?")
        answer = await scene.get(target)
        page = repositories_of(answer)
        assert len(page) == number or next_page(answer) is None
        seen += page
        assert len(seen) <= len(SORTED), "the links run in a circle"
        target = next_page(answer)
    assert seen == SORTED


async def test_the_start_is_set_by_last(scene: Scene) -> None:
    """`last` is exclusive and need not be a name; `n=0` is empty and links nowhere; a wrong `n` is refused."""
    await pull_from_each(scene)
    for last, following in ((SORTED[0], SORTED[1:]), (SORTED[-1], []), ("", SORTED), ("m", SORTED[1:]), ("zz", [])):
        assert repositories_of(await scene.get(f"{TARGET}?last={last}")) == following
    none = await scene.get(f"{TARGET}?n=0")
    assert repositories_of(none) == []
    assert next_page(none) is None
    refused = await scene.get(f"{TARGET}?n=x")
    assert refused.status == 400
    assert error_code(refused)
