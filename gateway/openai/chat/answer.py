"""A whole answer as a chat completion."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.openai.usage import chat_usage, relay_document
from llm_relay.messages import Answer, FinishReason, Part, Reasoning, Refusal, TextPart, ToolCall

FINISH_REASONS: Mapping[FinishReason, str] = {
    FinishReason.STOP: "stop",
    FinishReason.OTHER: "stop",
    FinishReason.REFUSAL: "stop",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.LENGTH: "length",
    FinishReason.CONTEXT_EXCEEDED: "length",
    FinishReason.CANCELLED: "length",
    FinishReason.MALFORMED_OUTPUT: "length",
}
"""OpenAI's finish reason for each of ours. An incomplete answer is never "stop"."""


def completion_document(answer: Answer, created: int) -> dict[str, Any]:
    """Returns the chat completion. `created` is when the call began, in Unix seconds."""
    finished = answer.finished
    document: dict[str, Any] = {
        "id": f"chatcmpl-{answer.request_id}",
        "object": "chat.completion",
        "created": created,
        "model": finished.model,
        "choices": [
            {
                "index": 0,
                "message": _message(answer),
                "logprobs": None,
                "finish_reason": openai_finish_reason(finished.finish_reason),
            }
        ],
        "relay": relay_document(answer.request_id, answer.provider, finished),
    }
    if usage := chat_usage(finished.usage, finished.cost):
        document["usage"] = usage
    if finished.service_tier:
        document["service_tier"] = finished.service_tier
    return document


def openai_finish_reason(reason: FinishReason | None) -> str:
    """Returns OpenAI's name of a finish reason."""
    return "stop" if reason is None else FINISH_REASONS[reason]


def _message(answer: Answer) -> dict[str, Any]:
    parts: Sequence[Part] = answer.parts or (TextPart(text=answer.text),)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal))
    text = "".join(part.text for part in parts if isinstance(part, TextPart))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not (calls or refusal) else None,
        "refusal": refusal or None,
        "annotations": [],
    }
    if calls:
        message["tool_calls"] = [_tool_call(call) for call in calls]
    reasoning = [(index, part) for index, part in enumerate(parts) if isinstance(part, Reasoning)]
    if reasoning:
        message["reasoning_content"] = "".join(part.text for _, part in reasoning)
        message["reasoning_details"] = [
            reasoning_detail(part, index, part.provider or answer.provider) for index, part in reasoning
        ]
    return message


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments_json}}


def reasoning_detail(part: Reasoning, index: int, provider: str) -> dict[str, Any]:
    """Returns a block of reasoning in the form that clients send back. `format` is the provider that wrote it."""
    detail: dict[str, Any] = {"type": "reasoning.encrypted" if part.redacted else "reasoning.text", "index": index}
    if part.redacted:
        detail["data"] = base64.b64encode(part.redacted).decode()
    else:
        detail["text"] = part.text
    if part.signature:
        detail["signature"] = base64.b64encode(part.signature).decode()
    if part.id:
        detail["id"] = part.id
    detail["format"] = provider
    return detail
