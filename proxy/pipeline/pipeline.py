"""The pipeline: every meaning of a request, served."""

from __future__ import annotations

from proxy.cache.bodies import HeldBody
from proxy.core.wants import Assembled, Held, Meaning, Ready, Want
from proxy.pipeline.answers import HIT, Answer
from proxy.pipeline.lists import Lists
from proxy.pipeline.objects import Objects


class Pipeline:
    """Serves what a source made of a request."""

    def __init__(self, *, objects: Objects, lists: Lists) -> None:
        self._objects = objects
        self._lists = lists

    async def serve(self, meaning: Meaning, *, head: bool) -> Answer:
        """The answer; raises the MoorageError that stands in for it. The caller closes the answer."""
        match meaning:
            case Want():
                return await self._objects.serve(meaning, head=head)
            case Assembled():
                return await self._lists.serve(meaning)
            case Held():
                return await self._lists.held(meaning)
            case Ready():
                body = HeldBody(meaning.body)
                return Answer(meaning.media_type, body.size, body, HIT)
