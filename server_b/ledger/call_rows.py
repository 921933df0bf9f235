"""Rows of calls and of their attempts, as entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from llm_relay.messages.accounts import CallAttempt, CallEntry, CallState
from server_b.ledger.times import from_us, optional_from_us
from server_b.ledger.transactions import Row, Transaction

COLUMNS = (
    "id, request_id, caller, protocol, provider, model, state, outcome, input_tokens, output_tokens,"
    " cache_read_tokens, cache_write_tokens, reasoning_tokens, accuracy, nano_usd, reserved_nano_usd, charged_nano_usd,"
    " is_overrun, price_source, service_tier, joined, started_at, ended_at, first_token_s, duration_s, tags, trace_id"
)
"""The columns of `calls`, in the order that `entry` reads."""


def entry(row: Row) -> CallEntry:
    """Returns a row of COLUMNS as an entry without attempts."""
    (key, request_id, caller, protocol, provider, model, state, outcome, *rest) = row
    (input_tokens, output_tokens, cache_read, cache_write, reasoning, accuracy, nano_usd, reserved, charged, *rest) = (
        rest
    )
    (is_overrun, price_source, tier, joined, started_at, ended_at, first_token_s, duration_s, tags, trace_id) = rest
    return CallEntry(
        id=key,
        request_id=request_id,
        caller=caller,
        protocol=protocol,
        provider=provider,
        model=model,
        state=CallState(state),
        outcome=outcome,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        reasoning_tokens=reasoning,
        accuracy=accuracy,
        nano_usd=nano_usd,
        reserved_nano_usd=reserved,
        charged_nano_usd=charged,
        is_overrun=bool(is_overrun),
        price_source=price_source,
        service_tier=tier,
        joined=joined,
        started_at=from_us(started_at),
        ended_at=optional_from_us(ended_at),
        first_token_s=first_token_s,
        duration_s=duration_s,
        tags=orjson.loads(tags),
        trace_id=trace_id,
    )


async def with_attempts(transaction: Transaction, calls: Sequence[CallEntry]) -> tuple[CallEntry, ...]:
    """Returns the calls with their attempts, which one query reads."""
    rows = await transaction.fetch(
        "SELECT call_id, provider, model, started_at, ended_at, outcome, may_have_worked FROM attempts"
        " WHERE call_id IN :ids ORDER BY call_id, number",
        {"ids": [call.id for call in calls]},
    )
    attempts: dict[str, list[CallAttempt]] = {}
    for key, provider, model, started_at, ended_at, outcome, may_have_worked in rows:
        attempts.setdefault(key, []).append(
            CallAttempt(
                provider=provider,
                model=model,
                started_at=from_us(started_at),
                ended_at=optional_from_us(ended_at),
                outcome=outcome,
                may_have_worked=bool(may_have_worked),
            )
        )
    return tuple(replace(call, attempts=tuple(attempts.get(call.id, ()))) for call in calls)
