"""What the core cannot carry yet: prompts with more than text."""

from __future__ import annotations

from llm_relay.errors import Unsupported
from llm_relay.messages import NO_OPTIONS, Prompt, Role


def refuse_content(prompt: Prompt) -> None:
    """Raises Unsupported, naming the field, for a prompt with more than text: better than answering half of it."""
    if prompt.parts:
        raise _unsupported("parts", prompt)
    if prompt.options is not NO_OPTIONS:
        raise _unsupported("options", prompt)
    for index, turn in enumerate(prompt.history):
        if turn.parts:
            raise _unsupported(f"history[{index}].parts", prompt)
        if turn.role is Role.SYSTEM:
            raise _unsupported(f"history[{index}].role: system", prompt)


def _unsupported(field: str, prompt: Prompt) -> Unsupported:
    return Unsupported(f"{field}: not supported by this version; leave it out", request_id=prompt.request_id)
