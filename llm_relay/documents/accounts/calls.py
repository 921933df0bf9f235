"""Calls of the ledger as JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.accounts.times import time_text
from llm_relay.messages.accounts import CallEntry


class AttemptDocument(TypedDict):
    """One request to one provider."""

    provider: str
    model: str
    started_at: str | None
    ended_at: str | None
    outcome: Annotated[str, Field(description="The reason of its error; empty if it answered")]
    may_have_worked: bool


class CallDocument(TypedDict):
    """A call in the ledger."""

    id: Annotated[str, Field(description="The ledger's id of the call. Several calls can have the same request_id")]
    request_id: str
    caller: str
    protocol: Annotated[str, Field(description="grpc, http, openai or mcp")]
    provider: str
    model: str
    state: Annotated[str, Field(description="open, settled, lost or refused")]
    outcome: Annotated[str, Field(description="The reason of its error, or its finish reason; empty while it runs")]
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    accuracy: Annotated[str, Field(description="exact, estimated or unknown")]
    nano_usd: Annotated[int | None, Field(description="What the call cost; null: not known")]
    reserved_nano_usd: Annotated[int | None, Field(description="The upper bound of its cost, set when it began")]
    charged_nano_usd: Annotated[int, Field(description="The amount charged to its budgets")]
    is_overrun: Annotated[bool, Field(description="Whether it cost more than was reserved")]
    price_source: str
    service_tier: str
    joined: Annotated[int, Field(description="Requests that received its answer without paying for it")]
    started_at: str | None
    ended_at: str | None
    first_token_s: float | None
    duration_s: float | None
    tags: Mapping[str, str]
    trace_id: str
    attempts: list[AttemptDocument]


class CallsDocument(TypedDict):
    """A page of calls, newest first."""

    calls: list[CallDocument]
    next_page_token: Annotated[str, Field(description="Token of the next page; empty on the last page")]


def call_document(call: CallEntry) -> CallDocument:
    """Returns a call as an object."""
    return {
        "id": call.id,
        "request_id": call.request_id,
        "caller": call.caller,
        "protocol": call.protocol,
        "provider": call.provider,
        "model": call.model,
        "state": call.state.value,
        "outcome": call.outcome,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cache_read_tokens": call.cache_read_tokens,
        "cache_write_tokens": call.cache_write_tokens,
        "reasoning_tokens": call.reasoning_tokens,
        "accuracy": call.accuracy,
        "nano_usd": call.nano_usd,
        "reserved_nano_usd": call.reserved_nano_usd,
        "charged_nano_usd": call.charged_nano_usd,
        "is_overrun": call.is_overrun,
        "price_source": call.price_source,
        "service_tier": call.service_tier,
        "joined": call.joined,
        "started_at": time_text(call.started_at),
        "ended_at": time_text(call.ended_at),
        "first_token_s": call.first_token_s,
        "duration_s": call.duration_s,
        "tags": dict(call.tags),
        "trace_id": call.trace_id,
        "attempts": [
            {
                "provider": attempt.provider,
                "model": attempt.model,
                "started_at": time_text(attempt.started_at),
                "ended_at": time_text(attempt.ended_at),
                "outcome": attempt.outcome,
                "may_have_worked": attempt.may_have_worked,
            }
            for attempt in call.attempts
        ],
    }
