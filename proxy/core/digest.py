"""Content digests: the names by which bytes are recognised as right (OCI image-spec, descriptor.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

_HEX_LENGTH = {"sha256": 64, "sha512": 128}
_HEX = frozenset("0123456789abcdef")


class Hasher(Protocol):
    """What hashlib gives: fed with bytes, asked for the hexadecimal result."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Digest:
    """An algorithm and its lower-case hexadecimal hash. Only `parse` makes one from foreign text."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `sha256:…` or `sha512:…`; ValueError for anything else (upper case, length, algorithm)."""
        algorithm, colon, hexadecimal = text.partition(":")
        if not colon or len(hexadecimal) != _HEX_LENGTH.get(algorithm) or not _HEX.issuperset(hexadecimal):
            raise ValueError("not a sha256 or sha512 digest in lower-case hexadecimal")
        return cls(algorithm, hexadecimal)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        """The digest of bytes at hand."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    @staticmethod
    def hasher(algorithm: str) -> Hasher:
        """A running hash for content that arrives in pieces."""
        return hashlib.new(algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
