"""Bodies that a fake server sends: bytes at hand, patterns of any size without memory, and damaged views of both."""

from __future__ import annotations

import functools
import hashlib
import random
from dataclasses import dataclass
from typing import Protocol

_BLOCK = 1 << 20
# Odd and far from a power of two, so that no two neighbouring blocks of a pattern are alike.
_ROTATION = 40503


class Content(Protocol):
    """Bytes that can be read from any offset; `size` is in bytes."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Held:
    """Content that is small enough to hold."""

    data: bytes = b""

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Content of any size made from a seed; equal seeds and sizes give equal bytes."""

    size: int
    seed: int

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        doubled = _doubled_block(self.seed)
        pieces: list[bytes] = []
        while offset < end:
            block, inside = divmod(offset, _BLOCK)
            start = (block * _ROTATION) % _BLOCK + inside
            taken = min(_BLOCK - inside, end - offset)
            pieces.append(doubled[start : start + taken])
            offset += taken
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def digest(self, algorithm: str = "sha256") -> str:
        """The content's digest; computed once for a size and seed."""
        return _pattern_digest(self.size, self.seed, algorithm)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of some content from `start`, `size` bytes long."""

    content: Content
    start: int
    size: int

    def read(self, offset: int, length: int) -> bytes:
        return self.content.read(self.start + offset, min(length, self.size - offset))


@dataclass(frozen=True, slots=True)
class Flipped:
    """Content with the lowest bit of one byte turned over."""

    content: Content
    position: int

    @property
    def size(self) -> int:
        return self.content.size

    def read(self, offset: int, length: int) -> bytes:
        data = self.content.read(offset, length)
        inside = self.position - offset
        if not 0 <= inside < len(data):
            return data
        return data[:inside] + bytes((data[inside] ^ 1,)) + data[inside + 1 :]


@dataclass(frozen=True, slots=True)
class Padded:
    """Content with some bytes too many at its end."""

    content: Content
    extra: int

    @property
    def size(self) -> int:
        return self.content.size + self.extra

    def read(self, offset: int, length: int) -> bytes:
        data = self.content.read(offset, length) if offset < self.content.size else b""
        missing = min(length, self.size - offset) - len(data)
        return data + b"x" * missing


@functools.lru_cache(maxsize=8)
def _doubled_block(seed: int) -> bytes:
    block = random.Random(seed).randbytes(_BLOCK)
    return block + block


@functools.lru_cache(maxsize=64)
def _pattern_digest(size: int, seed: int, algorithm: str) -> str:
    pattern = Pattern(size, seed)
    running = hashlib.new(algorithm)
    for offset in range(0, size, _BLOCK):
        running.update(pattern.read(offset, _BLOCK))
    return f"{algorithm}:{running.hexdigest()}"
