"""Prompts into Converse requests, and Converse's answers into ours.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import Accuracy, FinishReason, Prompt, Role, Turn, Usage
from server_b.providers.base import Completion, Defaults, Ending, Opening, Piece, Text, Working

FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
}
"""By Bedrock's stopReason; any other is OTHER."""


def request_to_wire(prompt: Prompt, model: str, defaults: Defaults, left_out: Collection[str]) -> dict[str, Any]:
    """Returns the arguments of `converse`; defaults of the parameters in `left_out` are not sent."""
    ours = {"temperature": defaults.temperature, "maxTokens": defaults.max_tokens}
    kept = {name: value for name, value in ours.items() if name not in left_out}
    request = {
        "modelId": model,
        "messages": _messages((*prompt.history, Turn(role=Role.USER, text=prompt.message))),
        "inferenceConfig": kept | asked_parameters(prompt),
    }
    if prompt.context and prompt.context.strip():
        request["system"] = [{"text": prompt.context}]
    return request


def asked_parameters(prompt: Prompt) -> dict[str, float]:
    """Returns the inference parameters that the caller itself asks for."""
    asked = {"temperature": prompt.temperature, "maxTokens": prompt.max_tokens}
    return {name: value for name, value in asked.items() if value is not None}


def _messages(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """Makes one message of neighbouring turns of one role: Bedrock wants the roles to alternate."""
    spoken = groupby(turns, key=lambda turn: turn.role)
    return [{"role": role.value, "content": [{"text": turn.text} for turn in said]} for role, said in spoken]


def completion_from_wire(response: Mapping[str, Any], model: str) -> Completion:
    """Reads the answer of `converse`; raises ProviderProtocol if it has no message or no end."""
    match response:
        case {"output": {"message": {"content": content}}, "stopReason": reason}:
            return Completion(
                text="".join(block["text"] for block in content if "text" in block),
                model=model,
                finish_reason=FINISH_REASONS.get(reason, FinishReason.OTHER),
                usage=_usage(response.get("usage", {})),
            )
        case _:
            raise ProviderProtocol


def pieces_from_wire(events: Iterable[Mapping[str, Any]], model: str) -> Iterator[Piece]:
    """Reads the events of `converse_stream`; raises ProviderProtocol for an empty one: so botocore shows bad JSON.

    The Ending comes after the last event, so that the connection is free again by then.
    """
    finish_reason, usage = None, None
    for event in events:
        if not all(event.values()):
            raise ProviderProtocol
        match event:
            case {"contentBlockDelta": {"delta": delta}}:
                text = delta.get("text")
                yield Text(text) if text else Working()
            case {"messageStart": _}:
                yield Opening(model)
            case {"messageStop": {"stopReason": reason}}:
                finish_reason = FINISH_REASONS.get(reason, FinishReason.OTHER)
            case {"metadata": metadata}:
                usage = _usage(metadata.get("usage", {}))
            case _:
                pass  # the bounds of blocks, and whatever AWS may add
    if finish_reason is not None:
        yield Ending(finish_reason, usage)


def _usage(counts: Mapping[str, int]) -> Usage | None:
    match counts:
        case {"inputTokens": fresh, "outputTokens": written}:
            read, stored = counts.get("cacheReadInputTokens"), counts.get("cacheWriteInputTokens")
            return Usage(
                input_tokens=fresh + (read or 0) + (stored or 0),  # Bedrock's inputTokens are those not cached
                output_tokens=written,
                cache_read_tokens=read,
                cache_write_tokens=stored,
                accuracy=Accuracy.EXACT,
            )
        case _:
            return None


def coalesced(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Makes one Text of neighbouring ones."""
    for kind, same in groupby(pieces, key=type):
        if kind is Text:
            texts = [piece.text for piece in same if isinstance(piece, Text)]
            yield Text("".join(texts), len(texts))
        else:
            yield from same
