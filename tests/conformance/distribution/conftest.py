"""One scene for each state; every check of this folder runs in all four."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from conformance.distribution.stage import Scene, Stage, State


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Keeps the scenes that can be shared."""
    async with AsyncExitStack() as kept:
        yield Stage(kept, tmp_path_factory.mktemp("conformance"))


@pytest_asyncio.fixture(loop_scope="session", params=State, ids=lambda state: state.value)
async def scene(request: pytest.FixtureRequest, stage: Stage) -> AsyncIterator[Scene]:
    """The proxy in one state."""
    async with stage.scene(request.param) as built:
        yield built
