"""Searches for a secret in every form that code could have given it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret that stands where it must not: the place and the form it has there."""

    place: str
    form: str


def search(secret: str, *places: Path | bytes | str) -> list[Finding]:
    """Look for the secret in files, whole folders (names included), bytes and text; all findings.

    ValueError for a secret so short that its encoded forms could stand somewhere by chance.
    """
    if len(secret) < _SHORTEST:
        raise ValueError(f"a canary secret needs {_SHORTEST} characters or more")
    exact = dict(_exact_forms(secret))
    folded = dict(_folded_forms(secret))
    findings: list[Finding] = []
    for name, content in _contents(places):
        lowered = content.lower()
        findings += [Finding(name, form) for form, needle in exact.items() if needle in content]
        findings += [Finding(name, form) for form, needle in folded.items() if needle in lowered]
    return findings


def _contents(places: tuple[Path | bytes | str, ...]) -> Iterator[tuple[str, bytes]]:
    for place in places:
        if isinstance(place, str):
            yield "text", place.encode()
        elif isinstance(place, bytes):
            yield "bytes", place
        else:
            yield from _files(place)


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            yield f"name of {path}", path.name.encode()
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()
    else:
        yield str(place), place.read_bytes()


def _exact_forms(secret: str) -> Iterator[tuple[str, bytes]]:
    raw = secret.encode()
    yield "raw", raw
    yield "in JSON", json.dumps(secret)[1:-1].encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        # The characters that the secret alone decides: those that share bits with its neighbours are left out.
        certain = encoded[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
        yield f"base64, offset {offset}", certain
        yield f"base64url, offset {offset}", certain.translate(bytes.maketrans(b"+/", b"-_"))


def _folded_forms(secret: str) -> Iterator[tuple[str, bytes]]:
    raw = secret.encode()
    yield "hexadecimal", raw.hex().encode()
    yield "URL-escaped", quote(secret, safe="").lower().encode()
    yield "URL-escaped, slashes kept", quote(secret).lower().encode()
    yield "form-encoded", quote_plus(secret).lower().encode()
    yield "URL-escaped throughout", "".join(f"%{byte:02x}" for byte in raw).encode()
