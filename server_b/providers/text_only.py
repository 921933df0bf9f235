"""For providers that carry text alone: a refusal of everything else, instead of answering half of a prompt."""

from __future__ import annotations

from llm_relay.errors import Unsupported
from llm_relay.messages import NO_OPTIONS, Prompt, Role


def refuse_content(prompt: Prompt, provider: str) -> None:
    """Raises Unsupported, naming the field and the provider, for a prompt with more than text."""
    if prompt.parts:
        raise _unsupported("parts", prompt, provider)
    if prompt.options is not NO_OPTIONS:
        raise _unsupported("options", prompt, provider)
    for index, turn in enumerate(prompt.history):
        if turn.parts:
            raise _unsupported(f"history[{index}].parts", prompt, provider)
        if turn.role is Role.SYSTEM:
            raise _unsupported(f"history[{index}].role: system", prompt, provider)


def _unsupported(field: str, prompt: Prompt, provider: str) -> Unsupported:
    return Unsupported(f"{field}: not supported by {provider}; leave it out", request_id=prompt.request_id)
