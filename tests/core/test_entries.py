"""Records and decisions: which answer is found, and whether it is fresh."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.accept import ANYTHING, OCI_INDEX, OCI_MANIFEST, Accepts, parse_accept
from proxy.core.digest import Digest
from proxy.core.entries import Decision, Entry, Key, Record, decide, may_stand_in

_KEY = Key("oci", "https://registry.example.com", "tag", "a/b", "latest")
_INDEX_ONLY = parse_accept([OCI_INDEX])
_IMAGE_ONLY = parse_accept([OCI_MANIFEST])
_BOTH = parse_accept([OCI_INDEX, OCI_MANIFEST])


def _entry(media_type: str = OCI_INDEX, *, fetched: float = 100.0, asked: Accepts = ANYTHING) -> Entry:
    return Entry(Digest.of(media_type.encode()), 10, media_type, fetched, "source", asked=asked)


@pytest.mark.parametrize(
    ("age", "lifetime", "reachable", "expected"),
    [
        (0, 60, True, Decision.HIT),
        (59.9, 60, True, Decision.HIT),
        (60, 60, True, Decision.REVALIDATE),
        (60, 60, False, Decision.STALE),
        (-1, 60, True, Decision.REVALIDATE),
        (-86_400, 60, False, Decision.STALE),
        (0, 0, True, Decision.REVALIDATE),
        (1e9, math.inf, True, Decision.HIT),
        (-1e9, math.inf, False, Decision.HIT),
    ],
)
def test_decisions(age: float, lifetime: float, reachable: bool, expected: Decision) -> None:
    """Fresh, stale, or fetched in the future, which counts as stale; digests never age."""
    entry = _entry(fetched=1000.0)
    assert decide(entry, now=1000.0 + age, lifetime=lifetime, reachable=reachable) is expected


@pytest.mark.parametrize("reachable", [True, False])
def test_nothing_held_is_a_miss(reachable: bool) -> None:
    """Without an entry there is nothing to decide."""
    assert decide(None, now=0, lifetime=60, reachable=reachable) is Decision.MISS


@pytest.mark.parametrize(("age", "limit", "expected"), [(70, 10, True), (71, 10, False), (1e12, math.inf, True)])
def test_standing_in(age: float, limit: float, expected: bool) -> None:
    """An answer stands in for a failure up to the limit, counted from when it became stale."""
    assert may_stand_in(_entry(fetched=0.0), now=age, lifetime=60, stale_if_error=limit) is expected


def test_a_claim_displaces_nothing_that_was_verified() -> None:
    """What a HEAD taught stands first, and what bytes had proven stays behind it until other bytes prove more."""
    proven = _entry(fetched=1)
    claim = replace(_entry(fetched=2), verified=False)
    newer = replace(_entry(fetched=3), verified=False)
    record = Record(_KEY).with_entry(proven).with_entry(claim)
    assert record.entries == (claim, proven)
    assert record.with_entry(newer).entries == (newer, proven)
    assert record.with_entry(replace(newer, verified=True)).entries == (replace(newer, verified=True),)


def test_types_are_kept_side_by_side() -> None:
    """Each media type has its own answer; a new one replaces that of its type only."""
    old, image = _entry(fetched=1), _entry(OCI_MANIFEST, fetched=2)
    new = _entry(fetched=3)
    record = Record(_KEY).with_entry(old).with_entry(image).with_entry(new)
    assert record.entries == (new, image)


def test_only_admitted_answers_are_found() -> None:
    """A client never finds a type that it does not take, fresh or not."""
    record = Record(_KEY, (_entry(asked=_BOTH),))
    assert record.find(_BOTH) is not None
    assert record.find(_INDEX_ONLY) is not None
    assert record.find(_IMAGE_ONLY) is None
    assert record.admitted(_IMAGE_ONLY) == []


def test_a_wider_question_is_not_answered_from_a_narrower_one() -> None:
    """What was answered to `image only` says nothing about what a client of both would get; in need, it will do."""
    image = _entry(OCI_MANIFEST, asked=_IMAGE_ONLY)
    record = Record(_KEY, (image,))
    assert record.find(_BOTH) is None
    assert record.admitted(_BOTH) == [image]


def test_in_need_the_newest_is_taken() -> None:
    """When the upstream cannot be asked, the newest admitted answer stands in."""
    old, new = _entry(fetched=1, asked=_INDEX_ONLY), _entry(OCI_MANIFEST, fetched=2, asked=_IMAGE_ONLY)
    assert Record(_KEY, (old, new)).admitted(_BOTH) == [new, old]


@given(st.lists(st.sampled_from([_INDEX_ONLY, _IMAGE_ONLY, _BOTH, ANYTHING]), max_size=12))
def test_alternating_clients_get_what_the_upstream_would_give(questions: list[Accepts]) -> None:
    """Through any sequence of questions, a held answer is the one that the upstream gives to that question."""

    def upstream(question: Accepts) -> str:
        return OCI_INDEX if question.admits(OCI_INDEX) else OCI_MANIFEST

    record = Record(_KEY)
    for question in questions:
        found = record.find(question)
        if found is None:
            found = _entry(upstream(question), asked=question)
            record = record.with_entry(found)
        assert found.media_type == upstream(question)


def test_keys_hash_apart() -> None:
    """Each part of a key counts, case included; no user text is in the name on disk."""
    others = [replace_part(part) for part in range(5)]
    assert len({_KEY.hashed, *(key.hashed for key in others)}) == 6
    assert _KEY._replace(name="A/B").hashed != _KEY.hashed
    assert set(_KEY.hashed) <= set("0123456789abcdef")


def replace_part(part: int) -> Key:
    values = list(_KEY)
    values[part] += "x"
    return Key(*values)


def test_an_entry_can_be_made_fresh() -> None:
    """Only the time of an answer changes when its source says that it still holds."""
    entry = _entry(fetched=1)
    assert Record(_KEY, (entry,)).with_entry(replace(entry, fetched=2)).entries == (replace(entry, fetched=2),)
