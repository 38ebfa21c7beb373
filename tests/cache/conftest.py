"""What the tests of the cache stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cache.bench import Bench, bench_in


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A claimed data folder with a store in it."""
    with bench_in(tmp_path / "data") as made:
        yield made
