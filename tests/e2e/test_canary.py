"""The search for secrets finds what it must: a canary that does not sing proves nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from e2e.canary import search
from hypothesis import given
from hypothesis import strategies as st

SECRET = "c4nary/p+ss w0rd?&é"


@given(
    secret=st.text(st.characters(codec="utf-8"), min_size=8, max_size=30),
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
)
def test_base64_is_found_at_every_alignment(secret: str, before: bytes, after: bytes) -> None:
    """Whatever stands before and after a secret when it is encoded, it is found, in both alphabets."""
    mixed = before + secret.encode() + after
    assert search(secret, b"xx" + base64.b64encode(mixed) + b"yy")
    assert search(secret, b"xx" + base64.urlsafe_b64encode(mixed) + b"yy")


@pytest.mark.parametrize(
    "leak",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        json.dumps({"password": SECRET}),
        "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    ],
)
def test_every_form_is_found(leak: str) -> None:
    """Raw, escaped, hexadecimal and JSON forms are found inside other text."""
    assert search(SECRET, f"before {leak} after")


def test_files_and_their_names_are_searched(tmp_path: Path) -> None:
    """A folder is searched to its depth, and what holds no secret gives no finding."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "clean").write_bytes(b"nothing here")
    assert search("plainsecret", tmp_path) == []
    (deep / "plainsecret.json").write_bytes(b"")
    (deep / "clean").write_bytes(b"\0plainsecret\0")
    places = [finding.place for finding in search("plainsecret", tmp_path)]
    assert {str(deep / "clean"), f"name of {deep / 'plainsecret.json'}"} == set(places)


def test_a_short_secret_is_refused() -> None:
    """A secret that could stand somewhere by chance is no canary."""
    with pytest.raises(ValueError, match="8 characters"):
        search("short", b"")
