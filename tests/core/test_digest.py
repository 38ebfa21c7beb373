"""Digests: one spelling, two algorithms, nothing else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.digest import Digest

_HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", [f"sha256:{_HEX}", f"sha512:{_HEX * 2}"])
def test_digests(text: str) -> None:
    """Both algorithms are read and written back."""
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        f"sha256:{_HEX.upper()}",
        f"SHA256:{_HEX}",
        f"sha256:{_HEX[:-1]}",
        f"sha256:{_HEX}0",
        f"sha512:{_HEX}",
        f"sha256:{_HEX * 2}",
        f"sha384:{'a' * 96}",
        f"md5:{'a' * 32}",
        f"sha1:{'a' * 40}",
        f"sha256:{_HEX[:-1]}g",
        f"sha256:{_HEX[:-1]}٣",
        f"sha256:{_HEX[:-1]}４",  # noqa: RUF001 -- the full-width digit is the point
        f"sha256:{_HEX[:-1]}\n",
        f"sha256: {_HEX[:-1]}",
        f"sha256:{_HEX} ",
        "sha256:../../../../etc/passwd",
        f"sha256:{'../' * 21}a",
        f"sha256+b64:{_HEX}",
        f"sha256:sha256:{_HEX}",
        f"{_HEX}",
    ],
)
def test_no_digests(text: str) -> None:
    """Whatever is spelled otherwise is refused: it could name a path, or the same content twice."""
    with pytest.raises(ValueError, match="not a sha256"):
        Digest.parse(text)


@given(st.binary(max_size=200), st.sampled_from(["sha256", "sha512"]), st.integers(0, 200))
def test_hashing_in_pieces(content: bytes, algorithm: str, cut: int) -> None:
    """A digest of the whole equals one of pieces, and hashlib's."""
    hasher = Digest.hasher(algorithm)
    hasher.update(content[:cut])
    hasher.update(content[cut:])
    assert Digest.of(content, algorithm) == Digest(algorithm, hasher.hexdigest())
    assert Digest.of(content, algorithm).hex == hashlib.new(algorithm, content).hexdigest()


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    """Text is refused, or written back as it was."""
    try:
        found = Digest.parse(text)
    except ValueError:
        return
    assert str(found) == text
