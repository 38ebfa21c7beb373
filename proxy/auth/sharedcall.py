"""One call for many callers: whoever asks for what is already being fetched gets the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Generic, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


class SharedCalls(Generic[Key, Result]):
    """Calls under way, by key. Each runs in a task of its own, so a caller that leaves takes nobody's away.

    Nothing is remembered after the end: keeping answers is the business of whoever owns this. Its owner
    must `close` it as the last thing.
    """

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Result]] = {}

    async def run(self, key: Key, call: Callable[[], Coroutine[None, None, Result]]) -> Result:
        """The result of the call that is under way for the key, started if there is none; its error if it fails."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.create_task(call())
            self._tasks[key] = task
            task.add_done_callback(partial(self._ended, key))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel what is under way and wait until it has ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: Key, task: asyncio.Task[Result]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            # Looked at here, or asyncio would report an error whose callers have all left.
            task.exception()
