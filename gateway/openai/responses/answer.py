"""Writes a whole answer as a response, and the pieces that streamed responses share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from gateway.openai.bodies.responses import NamespaceTool, ResponsesBody, ResponsesTool
from gateway.openai.json_text import json_text
from gateway.openai.namespaces import CalledNames
from gateway.openai.reasoning_blob import encrypted_content
from gateway.openai.usage import relay_document, response_usage
from llm_relay.messages import (
    Answer,
    Finished,
    FinishReason,
    Part,
    Reasoning,
    Refusal,
    TextPart,
    ToolCall,
)

_INCOMPLETE = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTEXT_EXCEEDED: "max_output_tokens",
    FinishReason.MALFORMED_OUTPUT: "max_output_tokens",
    FinishReason.CANCELLED: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}
"""OpenAI's reasons for an incomplete answer."""


def response_frame(body: ResponsesBody, request_id: str, model: str, created: float) -> dict[str, Any]:
    """Returns a response that is in progress. `created` is when the call began, in Unix seconds.

    It has every member, because strict clients require them. Members that the request leaves out have OpenAI's default.
    """
    return {
        "id": f"resp_{request_id}",
        "object": "response",
        "created_at": int(created),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": None,
        "model": model,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "previous_response_id": None,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
        "safety_identifier": body.safety_identifier,
        "service_tier": body.service_tier or "auto",
        "store": False,
        "temperature": 1 if body.temperature is None else body.temperature,
        "text": {"format": _text_format(body)},
        "tool_choice": _tool_choice(body),
        "tools": [_tool(tool) for tool in body.tools or ()],
        "top_logprobs": 0,
        "top_p": 1 if body.top_p is None else body.top_p,
        "truncation": "disabled",
        "usage": None,
        "metadata": body.metadata or {},
    }


def _text_format(body: ResponsesBody) -> dict[str, Any]:
    wanted = body.text.format if body.text else None
    if wanted is None:
        return {"type": "text"}
    known = wanted.model_dump(by_alias=True, exclude_none=True, include=set(type(wanted).model_fields) - {"schema_"})
    if wanted.schema_ is not None:
        known["schema"] = orjson.Fragment(json_text(wanted.schema_, "text.format.schema"))
    return known


def _tool_choice(body: ResponsesBody) -> Any:
    choice = body.tool_choice
    if choice is None or isinstance(choice, str):
        return choice or "auto"
    named = {"type": choice.type, "name": choice.name}
    return {**named, "namespace": choice.namespace} if choice.namespace else named


def _tool(tool: ResponsesTool | NamespaceTool) -> dict[str, Any]:
    if isinstance(tool, NamespaceTool):
        functions = [_tool(one) for one in tool.tools]
        return {"type": tool.type, "name": tool.name, "description": tool.description or "", "tools": functions}
    schema = None if tool.parameters is None else orjson.Fragment(json_text(tool.parameters, "tools"))
    named = {"type": tool.type, "name": tool.name, "description": tool.description}
    return {**named, "parameters": schema, "strict": tool.strict}


def response_document(answer: Answer, body: ResponsesBody, created: float) -> dict[str, Any]:
    """Returns the whole response."""
    parts: Sequence[Part] = answer.parts or ((TextPart(text=answer.text),) if answer.text else ())
    frame = response_frame(body, answer.request_id, answer.finished.model, created)
    status, names = item_status(answer.finished), CalledNames(body)
    output = [*output_items(parts, answer.request_id, answer.provider, status, names)]
    return ended(frame, output, answer.finished, answer.request_id, answer.provider)


def item_status(finished: Finished) -> str:
    """Returns the status of the items of an answer that ended this way."""
    return "incomplete" if finished.finish_reason in _INCOMPLETE else "completed"


def ended(
    frame: dict[str, Any], output: list[dict[str, Any]], finished: Finished, request_id: str, provider: str
) -> dict[str, Any]:
    """Returns the finished response: with status, output, usage and what the relay adds."""
    reason = finished.finish_reason
    why = _INCOMPLETE.get(reason) if reason else None
    document = {
        **frame,
        "status": "incomplete" if why else "completed",
        "incomplete_details": {"reason": why} if why else None,
        "model": finished.model,
        "output": output,
        "relay": relay_document(request_id, provider, finished),
    }
    document["usage"] = response_usage(finished.usage, finished.cost)
    if not why:
        document["completed_at"] = int(finished.completed_at.timestamp())
    if finished.service_tier:
        document["service_tier"] = finished.service_tier
    return document


def output_items(
    parts: Sequence[Part], request_id: str, provider: str, status: str, names: CalledNames
) -> Iterator[dict[str, Any]]:
    """Yields an output item for each part of an answer."""
    for index, part in enumerate(parts):
        identifier = item_id(part, request_id, index)
        match part:
            case TextPart():
                yield message_item(identifier, status, [text_part(part.text)])
            case Refusal():
                yield message_item(identifier, status, [refusal_part(part.text)])
            case ToolCall():
                yield call_item(identifier, part, status, names)
            case Reasoning():
                yield reasoning_item(identifier, part, part.provider or provider)
            case _:  # answers have no other parts
                continue


def item_id(part: Part, request_id: str, index: int) -> str:
    """Returns the id of an output item."""
    prefix = {ToolCall: "fc", Reasoning: "rs"}.get(type(part), "msg")
    return f"{prefix}_{request_id}_{index}"


def message_item(identifier: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns a message item."""
    return {"id": identifier, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: str) -> dict[str, Any]:
    """Returns a text part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_part(text: str) -> dict[str, Any]:
    """Returns a refusal part of a message."""
    return {"type": "refusal", "refusal": text}


def call_item(identifier: str, call: ToolCall, status: str, names: CalledNames) -> dict[str, Any]:
    """Returns a function call item."""
    return {
        "id": identifier,
        "type": "function_call",
        "status": status,
        "call_id": call.id,
        **names.members(call.name),
        "arguments": call.arguments_json,
    }


def reasoning_item(identifier: str, block: Reasoning, provider: str) -> dict[str, Any]:
    """Returns a reasoning item. `encrypted_content` is for the provider that wrote it."""
    item: dict[str, Any] = {
        "id": block.id or identifier,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": block.text}] if block.text else [],
    }
    if encrypted := encrypted_content(block, provider):
        item["encrypted_content"] = encrypted
    return item
