"""Makes the ledger's entry of a call that has ended from the call's record."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from llm_relay.messages.accounts import CallAttempt
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.record import CallRecord
from server_b.ledger.entries import CallEnd


def call_end(entry_id: str, started_at: datetime, record: CallRecord) -> CallEnd:
    """Returns the entry of a call that has ended just now; `started_at` is when its row was made."""
    finished, usage = record.finished, record.finished.usage
    return CallEnd(
        id=entry_id,
        outcome=record.outcome,
        is_failed=record.error is not None,
        provider=record.attempts[-1].provider if record.attempts else record.provider,
        model=finished.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        accuracy=usage.accuracy.value,
        nano_usd=finished.cost.nano_usd,
        may_have_worked=any(attempt.may_have_worked for attempt in record.attempts),
        price_source=finished.cost.price_source,
        service_tier=finished.service_tier,
        ended_at=finished.completed_at,
        first_token_s=record.first_token_s,
        duration_s=finished.duration_s,
        attempts=_attempts(started_at, record),
    )


def _attempts(started_at: datetime, record: CallRecord) -> tuple[CallAttempt, ...]:
    # The times of attempts are from the event loop's clock, and the two clocks are not read at the same moment.
    ended_at = record.finished.completed_at
    zero = ended_at - timedelta(seconds=asyncio.get_running_loop().time())
    return tuple([_attempt(one, zero, started_at, ended_at) for one in record.attempts])


def _attempt(attempt: Attempt, zero: datetime, earliest: datetime, latest: datetime) -> CallAttempt:
    ended_at = latest if attempt.ended_at is None else zero + timedelta(seconds=attempt.ended_at)
    return CallAttempt(
        provider=attempt.provider,
        model=attempt.model,
        started_at=max(earliest, zero + timedelta(seconds=attempt.began_at)),
        ended_at=max(earliest, ended_at),
        outcome="" if attempt.error is None else attempt.error.reason,
        may_have_worked=attempt.may_have_worked,
    )
