"""Calls that tests of the ledger make."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from llm_relay.messages.accounts import CallAttempt
from server_b.ledger.base import Ledger
from server_b.ledger.entries import CallEnd, NewCall
from server_b.ledger.transactions import Store


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def new_call(
    at: datetime,
    caller: str = "alice",
    *,
    bound: int | None = 1000,
    tags: Mapping[str, str] | None = None,
    key: str = "",
) -> NewCall:
    return NewCall(
        id=key or str(uuid.uuid4()),
        request_id=str(uuid.uuid4()),
        caller=caller,
        protocol="grpc",
        provider="openai",
        model="gpt-5",
        tags=tags or {},
        bound_nano_usd=bound,
        likely_tokens=10,
        started_at=at,
    )


def end_of(call: NewCall, nano_usd: int | None, *, tokens: int | None = 10, may_have_worked: bool = True) -> CallEnd:
    ended_at = call.started_at + timedelta(seconds=1)
    return CallEnd(
        id=call.id,
        outcome="stop",
        is_failed=False,
        provider=call.provider,
        model=call.model,
        input_tokens=tokens,
        output_tokens=tokens,
        accuracy="exact" if tokens is not None else "unknown",
        nano_usd=nano_usd,
        may_have_worked=may_have_worked,
        ended_at=ended_at,
        duration_s=1.0,
        attempts=(
            CallAttempt(provider=call.provider, model=call.model, started_at=call.started_at, ended_at=ended_at),
        ),
    )


async def spend(
    ledger: Ledger,
    at: datetime,
    nano_usd: int | None,
    caller: str = "alice",
    *,
    bound: int | None = 1000,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Makes a call of this cost; returns its id."""
    call = new_call(at, caller, bound=bound, tags=tags)
    await ledger.reserve(call)
    await ledger.settle(end_of(call, nano_usd))
    return call.id


async def take_back_to_version_3(store: Store) -> None:
    """Turns a ledger back to version 3: without usage by the day, and without what later versions added."""
    for sql in (
        "DROP TABLE usage_days",
        "ALTER TABLE tokens DROP COLUMN signed_in_with",
        "UPDATE ledger SET value = 3 WHERE key = 'schema_version'",
    ):
        await store.write(lambda transaction, sql=sql: transaction.execute(sql))  # type: ignore[misc]
