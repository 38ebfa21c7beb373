"""A running site for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from web.site import Site, serving


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A proxy on a free port with one registry behind it."""
    async with serving(tmp_path) as made:
        yield made
