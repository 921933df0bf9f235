"""A provider's answer, joined from its stream."""

import contextlib
from dataclasses import dataclass

from llm_relay.messages import FinishReason, Prompt, Usage
from server_b.providers.base import Ending, Opening, Provider, Text


@dataclass(slots=True)
class Gathered:
    """A provider's answer; without an end its stream was cut."""

    text: str = ""
    model: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    service_tier: str = ""


async def whole_answer(provider: Provider, prompt: Prompt) -> Gathered:
    """Requests a whole answer and joins it; raises what the provider raises."""
    gathered = Gathered()
    async with contextlib.aclosing(provider.stream(prompt, whole=True)) as pieces:
        async for piece in pieces:
            match piece:
                case Opening():
                    gathered.model = piece.model
                case Text():
                    gathered.text += piece.text
                case Ending():
                    gathered.finish_reason, gathered.usage = piece.finish_reason, piece.usage
                    gathered.service_tier = piece.service_tier
                case _:
                    pass
    return gathered
