"""Makes a turn of what the user says now, like the turns of the history."""

from __future__ import annotations

from llm_relay.messages import Prompt, Role, TextPart, ToolResult, Turn


def turn_now(prompt: Prompt) -> Turn:
    """Returns what the user says now: results of tools first, then the message, then the other parts."""
    if not prompt.parts:
        return Turn(role=Role.USER, text=prompt.message)
    results = tuple(part for part in prompt.parts if isinstance(part, ToolResult))
    others = tuple(part for part in prompt.parts if not isinstance(part, ToolResult))
    text = (TextPart(text=prompt.message),) if prompt.message else ()
    return Turn(role=Role.USER, parts=(*results, *text, *others))
