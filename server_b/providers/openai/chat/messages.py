"""Builds the messages of a chat completion from a prompt's turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llm_relay.messages import (
    Document,
    Image,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
)
from server_b.providers.openai.provider_name import NAME
from server_b.providers.openai.request.content import data_url, result_text
from server_b.providers.turns import turn_now

Message = dict[str, Any]


def messages_of(prompt: Prompt) -> list[Message]:
    """Returns the messages, the system prompt first. Neighbouring plain texts of one role are joined.

    The templates of many models refuse two turns of one role in a row. Instructions between a tool call and its result
    come after the result, because the result must follow its call directly.
    """
    messages: list[Message] = []
    if prompt.context and prompt.context.strip():
        messages.append({"role": "system", "content": prompt.context})
    waiting: list[Turn] = []
    for turn in (*prompt.history, turn_now(prompt)):
        if turn.role is Role.SYSTEM and messages and "tool_calls" in messages[-1]:
            waiting.append(turn)
            continue
        if waiting:
            messages.extend(_results(turn))
            for instructions in waiting:
                _add(messages, instructions)
            waiting.clear()
            messages.extend(message for message in _content(turn) if message["role"] != "tool")
            continue
        _add(messages, turn)
    return messages


def _add(messages: list[Message], turn: Turn) -> None:
    if turn.parts:
        messages.extend(_content(turn))
    else:
        _append(messages, turn.role.value, turn.text)


def _append(messages: list[Message], role: str, text: str) -> None:
    last = messages[-1] if messages else None
    if last is not None and last["role"] == role != "system" and _is_plain(last):
        last["content"] += f"\n\n{text}"
    else:
        messages.append({"role": role, "content": text})


def _is_plain(message: Message) -> bool:
    return message.keys() == {"role", "content"} and isinstance(message["content"], str)


def _content(turn: Turn) -> Iterator[Message]:
    if turn.role is Role.ASSISTANT:
        message = _assistant(turn.parts)
        if message["content"] is not None or len(message) > 2:  # reasoning alone is not sent back
            yield message
        return
    yield from _results(turn)
    content = [_user_part(part) for part in turn.parts if isinstance(part, TextPart | Image | Document)]
    if content:
        is_text = len(content) == 1 and content[0]["type"] == "text"
        yield {"role": turn.role.value, "content": content[0]["text"] if is_text else content}


def _results(turn: Turn) -> Iterator[Message]:
    for part in turn.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": result_text(part)}


def _assistant(parts: Sequence[Part]) -> Message:
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    message: Message = {"role": "assistant", "content": "".join(texts) if texts else None}
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    if refusals:
        message["refusal"] = "".join(refusals)
    if calls := [_tool_call(part) for part in parts if isinstance(part, ToolCall)]:
        message["tool_calls"] = calls
        # Servers that show their reasoning expect it back within a loop of tool calls, and nowhere else.
        # Encrypted reasoning is OpenAI's own, and its chat completions accept none.
        own = [part for part in parts if isinstance(part, Reasoning) and part.provider == NAME and not part.redacted]
        thoughts = [part.text for part in own if part.text]
        if thoughts:
            message["reasoning_content"] = "".join(thoughts)
    return message


def _tool_call(call: ToolCall) -> Message:
    wire: Message = {"id": call.id, "type": "function"}
    wire["function"] = {"name": call.name, "arguments": call.arguments_json}
    if call.signature:
        wire["extra_content"] = {"google": {"thought_signature": call.signature.decode()}}
    return wire


def _user_part(part: TextPart | Image | Document) -> Message:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case Image():
            image: Message = {"url": part.url or data_url(part)}
            if part.detail:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        case Document():
            return {"type": "file", "file": {"filename": part.name or "document", "file_data": data_url(part)}}
