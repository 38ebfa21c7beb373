"""An empty home for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.commands import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without any file."""
    return Home(tmp_path)
