"""Answers as JSON, for HTTP and MCP. Built by hand, because a library would cost more than the rest of the call."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, NotRequired, TypeAlias

from pydantic import Field

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.parts.part_documents import PartDocument
from llm_relay.documents.parts.part_writing import JsonValue, part_document
from llm_relay.documents.raw_json import exact_value
from llm_relay.errors import RelayError
from llm_relay.messages import Answer, Finished, Usage

_ServiceTier: TypeAlias = Annotated[str, Field(description="The service tier that the provider says it used")]


class UsageDocument(TypedDict):
    """Tokens and money. Null is unknown, never 0."""

    promptTokens: Annotated[int | None, Field(description="All input, cache reads and writes included")]
    completionTokens: Annotated[int | None, Field(description="All output, reasoning included")]
    totalTokens: int | None
    cacheReadTokens: int | None
    cacheWriteTokens: int | None
    reasoningTokens: int | None
    accuracy: Annotated[
        Literal["exact", "estimated", "unknown"],
        Field(description="exact: counted by the provider; estimated: by the relay; or unknown"),
    ]
    estimatedCost: Annotated[float | None, Field(description="US dollars by list price; null: no price is known")]
    priceSource: Annotated[str | None, Field(description="The price list that was used")]


class AnswerDocument(TypedDict):
    """A whole answer."""

    status: Literal["success"]
    aiResponse: str
    parts: NotRequired[
        Annotated[list[PartDocument], Field(description="The whole output in order, if it is more than text")]
    ]
    model: str
    usage: UsageDocument
    timestamp: str
    processingTime: Annotated[float, Field(description="Seconds")]
    requestId: str
    provider: str
    finishReason: str
    serviceTier: NotRequired[_ServiceTier]


class FinishDocument(TypedDict):
    """The end of a streamed answer."""

    requestId: str
    model: str
    provider: str
    finishReason: str
    usage: UsageDocument
    timestamp: str
    processingTime: Annotated[float, Field(description="Seconds")]
    serviceTier: NotRequired[_ServiceTier]


class StreamErrorDocument(TypedDict):
    """A failure after the stream has begun."""

    error: str
    reason: str
    requestId: str
    usage: NotRequired[Annotated[UsageDocument, Field(description="What the failed call used")]]


def answer_document(answer: Answer, json_value: JsonValue = exact_value) -> AnswerDocument:
    """Returns a whole answer. `json_value` converts the text of tool calls' arguments for the document."""
    finished = answer.finished
    document: AnswerDocument = {
        "status": "success",
        "aiResponse": answer.text,
        "model": finished.model,
        "usage": usage_document(finished),
        "timestamp": timestamp(finished.completed_at),
        "processingTime": round(finished.duration_s, 6),
        "requestId": answer.request_id,
        "provider": answer.provider,
        "finishReason": _finish_reason(finished),
    }
    if answer.parts:
        document["parts"] = [part_document(part, json_value) for part in answer.parts]
    if finished.service_tier:
        document["serviceTier"] = finished.service_tier
    return document


def finish_document(request_id: str, provider: str, finished: Finished) -> FinishDocument:
    """Returns the end of a streamed answer."""
    document: FinishDocument = {
        "requestId": request_id,
        "model": finished.model,
        "provider": provider,
        "finishReason": _finish_reason(finished),
        "usage": usage_document(finished),
        "timestamp": timestamp(finished.completed_at),
        "processingTime": round(finished.duration_s, 6),
    }
    if finished.service_tier:
        document["serviceTier"] = finished.service_tier
    return document


def usage_document(finished: Finished) -> UsageDocument:
    """Returns what a call used, whether it was answered or failed."""
    usage, cost = finished.usage, finished.cost
    return {
        "promptTokens": usage.input_tokens,
        "completionTokens": usage.output_tokens,
        "totalTokens": _total(usage),
        "cacheReadTokens": usage.cache_read_tokens,
        "cacheWriteTokens": usage.cache_write_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "accuracy": usage.accuracy.value,
        "estimatedCost": None if cost.usd is None else float(cost.usd),
        "priceSource": cost.price_source or None,
    }


def stream_error_document(error: RelayError) -> StreamErrorDocument:
    """Returns a failure, with what the call used if it had begun."""
    document: StreamErrorDocument = {"error": error.message, "reason": error.reason, "requestId": error.request_id}
    if error.spent is not None:
        document["usage"] = usage_document(error.spent)
    return document


def timestamp(time: datetime) -> str:
    """Returns a UTC time as RFC 3339 with a Z."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _total(usage: Usage) -> int | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return usage.input_tokens + usage.output_tokens


def _finish_reason(finished: Finished) -> str:
    return finished.finish_reason.value if finished.finish_reason else "other"
