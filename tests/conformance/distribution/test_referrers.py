"""Listing referrers (spec.md, "Listing Referrers"; the suites' referrers checks)."""

from __future__ import annotations

import json

import pytest
from conformance.distribution.published import BILL, MODERN, REFERRERS, REPOSITORY, SIGNATURE, referrers_target
from conformance.distribution.stage import Scene, State
from fakes.images import INDEX_TYPE
from fakes.wire import WireAnswer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def descriptors_of(answer: WireAnswer) -> list[dict[str, object]]:
    """The descriptors of an answer, which must be an index in every respect."""
    assert answer.status == 200
    assert answer.header("Content-Type") == INDEX_TYPE
    document = json.loads(answer.body)
    assert document["schemaVersion"] == 2
    assert document["mediaType"] == INDEX_TYPE
    descriptors: list[dict[str, object]] = document["manifests"]
    assert isinstance(descriptors, list)
    return descriptors


@pytest.mark.parametrize("name", REFERRERS)
async def test_referrers(scene: Scene, name: str) -> None:
    """From the API, also in pages and of an absent subject; else from an honest fallback tag; else an empty index."""
    subject, expected = scene.published.referrers[name]
    before = scene.asked
    answer = await scene.get(referrers_target(subject))
    assert descriptors_of(answer) == expected
    assert answer.header("OCI-Filters-Applied") is None
    assert answer.header("Link") is None
    scene.check_quiet(before)


@pytest.mark.parametrize("artifact_type", [SIGNATURE, BILL, "application/vnd.example.unheard-of"])
async def test_filtered_referrers(scene: Scene, artifact_type: str) -> None:
    """`artifactType` keeps the descriptors of that type and says that it did, whoever listed them."""
    for subject, expected in scene.published.referrers.values():
        answer = await scene.get(f"{referrers_target(subject)}?artifactType={artifact_type.replace('+', '%2B')}")
        assert descriptors_of(answer) == [entry for entry in expected if entry["artifactType"] == artifact_type]
        assert answer.header("OCI-Filters-Applied") == "artifactType"


async def test_a_filter_is_no_second_question(scene: Scene) -> None:
    """Every filter is answered from the one list that the upstream gave."""
    subject, _ = scene.published.referrers["signed"]
    await scene.get(referrers_target(subject))
    before = scene.asked
    for artifact_type in (SIGNATURE, BILL):
        await scene.get(f"{referrers_target(subject)}?artifactType={artifact_type}")
    assert scene.asked == before


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_referrers_of_a_random_digest(scene: Scene, algorithm: str) -> None:
    """`empty/referrers`: an empty index and never 404; where nobody could be asked, an error that claims nothing."""
    digest = f"{algorithm}:{'e1' * (32 if algorithm == 'sha256' else 64)}"
    answer = await scene.get(f"/v2/{MODERN}/{REPOSITORY}/referrers/{digest}")
    match scene.state:
        case State.COLD | State.WARM:
            assert descriptors_of(answer) == []
        case State.STOPPED:
            assert answer.status == 502
        case State.OFFLINE:
            assert answer.status == 504


async def test_head_tells_the_length(scene: Scene) -> None:
    """HEAD has the head of the GET and no body."""
    subject, _ = scene.published.referrers["signed"]
    got = await scene.get(referrers_target(subject))
    told = await scene.ask("HEAD", referrers_target(subject))
    assert told.status == 200
    assert told.body == b""
    for name in ("Content-Type", "Content-Length"):
        assert told.header(name) == got.header(name)
