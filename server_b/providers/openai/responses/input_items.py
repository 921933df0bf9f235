"""Builds the input items of a response from a prompt's turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from llm_relay.messages import (
    Document,
    Image,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    ResultPart,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
)
from server_b.providers.openai.provider_name import NAME
from server_b.providers.openai.request.content import data_url, result_text
from server_b.providers.turns import turn_now

Item = dict[str, Any]


def input_items(prompt: Prompt) -> list[Item]:
    """Returns the items in order, without the system prompt."""
    return [item for turn in (*prompt.history, turn_now(prompt)) for item in _items(turn)]


def _items(turn: Turn) -> Iterator[Item]:
    parts: Sequence[Part] = turn.parts or (TextPart(text=turn.text),)
    if turn.role is Role.ASSISTANT:
        yield from _assistant_items(parts)
        return
    yield from (_result(part) for part in parts if isinstance(part, ToolResult))
    content = [_content(part) for part in parts if isinstance(part, TextPart | Image | Document)]
    if content:
        yield {"type": "message", "role": turn.role.value, "content": content}


def _assistant_items(parts: Sequence[Part]) -> Iterator[Item]:
    """Yields what the model wrote, in order: reasoning must come before the item that it led to."""
    for is_message, group in groupby(parts, lambda part: isinstance(part, TextPart | Refusal)):
        if is_message:
            content = [_message_part(part) for part in group if isinstance(part, TextPart | Refusal)]
            yield {"type": "message", "role": "assistant", "content": content}
            continue
        for part in group:
            if isinstance(part, ToolCall):
                arguments = part.arguments_json
                yield {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}
            elif isinstance(part, Reasoning) and part.provider == NAME and part.redacted:
                yield _reasoning(part)


def _message_part(part: TextPart | Refusal) -> Item:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text}


def _reasoning(part: Reasoning) -> Item:
    """Returns a reasoning item with its encrypted content, which the provider needs because it stores nothing."""
    item: Item = {"type": "reasoning"}
    if part.id:
        item["id"] = part.id
    item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
    item["encrypted_content"] = part.redacted.decode(errors="replace")
    return item


def _result(result: ToolResult) -> Item:
    item: Item = {"type": "function_call_output", "call_id": result.tool_call_id}
    if all(isinstance(part, TextPart) for part in result.content):
        item["output"] = result_text(result)
    else:
        failure: list[ResultPart] = [TextPart(text="Error:")] if result.is_error else []
        structured = [TextPart(text=result.structured_json)] if result.structured_json is not None else []
        item["output"] = [_content(part) for part in (*failure, *result.content, *structured)]
    return item


def _content(part: ResultPart) -> Item:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case Image():
            return {"type": "input_image", "image_url": part.url or data_url(part), "detail": part.detail or "auto"}
        case Document() if part.url:
            return {"type": "input_file", "file_url": part.url}
        case Document():
            return {"type": "input_file", "filename": part.name or "document", "file_data": data_url(part)}
