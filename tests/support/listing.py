"""A provider that plays a script of model lists."""

import asyncio
from collections.abc import Sequence

from llm_relay.messages import Models
from tests.support.scripted import ScriptedProvider


class Listing(ScriptedProvider):
    """Plays one step for each request for its models: nothing, an error, or an event to wait for."""

    def __init__(self, *steps: Exception | asyncio.Event | None, name: str = "scripted") -> None:
        super().__init__()
        self.name = name
        self._steps: Sequence[Exception | asyncio.Event | None] = steps
        self.asked = self.left = 0

    async def list_models(self) -> Models:
        step = self._steps[min(self.asked, len(self._steps) - 1)]
        self.asked += 1
        try:
            if isinstance(step, Exception):
                raise step
            if step is not None:
                await step.wait()
        except asyncio.CancelledError:
            self.left += 1
            raise
        return await super().list_models()
