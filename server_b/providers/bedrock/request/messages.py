"""Builds Converse's messages and system prompt from a prompt's turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llm_relay.messages import CachePoint, Part, Prompt, Role, TextPart, ToolResult, Turn
from server_b.providers.bedrock.request.content_blocks import Block, blocks_of, cache_point
from server_b.providers.bedrock.request.document_names import DocumentNames
from server_b.providers.turns import turn_now


def messages_of(prompt: Prompt) -> list[dict[str, Any]]:
    """Returns the messages. Neighbouring turns of one role are joined, because Bedrock requires alternating roles."""
    names = DocumentNames()
    messages: list[dict[str, Any]] = []
    last: Role | None = None
    for turn in (*prompt.history, turn_now(prompt)):
        content = [*blocks_of(_results_first(turn.parts), names)] if turn.parts else [{"text": turn.text}]
        if turn.role is Role.SYSTEM or not content:
            continue
        if turn.role is last:
            messages[-1]["content"] += content
        else:
            messages.append({"role": turn.role.value, "content": content})
            last = turn.role
    return messages


def system_of(prompt: Prompt) -> list[Block]:
    """Returns the system prompt: the context, then the system turns, which Bedrock's messages cannot contain."""
    system: list[Block] = [{"text": prompt.context}] if prompt.context and prompt.context.strip() else []
    for turn in prompt.history:
        if turn.role is Role.SYSTEM:
            system += _system_blocks(turn)
    return system


def _results_first(parts: Sequence[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: not isinstance(part, ToolResult))


def _system_blocks(turn: Turn) -> Iterator[Block]:
    if turn.text:
        yield {"text": turn.text}
    for part in turn.parts:
        if isinstance(part, TextPart):
            yield {"text": part.text}
        elif isinstance(part, CachePoint):
            yield cache_point(part)
