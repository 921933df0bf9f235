"""Calls for ledgers, and the contents of their tables."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from llm_relay.messages.accounts import CallAttempt, Period
from server_b.ledger.books.sql_books import SqlBooks
from server_b.ledger.entries import CallEnd, NewCall
from server_b.ledger.policies import next_revision
from server_b.ledger.transactions import Store, Transaction
from tests.support.logged import awaiting_line

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, time: datetime = NOON) -> None:
        """Starts at this time."""
        self.time = time

    def __call__(self) -> datetime:
        """Returns the time."""
        return self.time

    def move(self, **by: float) -> None:
        """Advances it by a timedelta's arguments."""
        self.time += timedelta(**by)


def new_call(**changes: Any) -> NewCall:
    """Returns a call of gateway/alice that costs a thousand nano-dollars at most."""
    call = NewCall(
        id=str(uuid.uuid4()),
        request_id="request-1",
        caller="gateway/alice",
        protocol="grpc",
        provider="openai",
        model="gpt-5",
        bound_nano_usd=1000,
        likely_tokens=10,
        started_at=NOON,
    )
    return dataclasses.replace(call, **changes)


def call_end(call: NewCall, **changes: Any) -> CallEnd:
    """Returns the end of a call that succeeded, for 300 nano-dollars."""
    end = CallEnd(
        id=call.id,
        outcome="STOP",
        is_failed=False,
        provider=call.provider,
        model=call.model,
        input_tokens=3,
        output_tokens=4,
        accuracy="exact",
        nano_usd=300,
        may_have_worked=True,
        ended_at=call.started_at + timedelta(seconds=1),
        duration_s=1.0,
        attempts=(CallAttempt(provider=call.provider, model=call.model, started_at=call.started_at),),
    )
    return dataclasses.replace(end, **changes)


@contextlib.asynccontextmanager
async def open_books(store: Store, **options: Any) -> AsyncIterator[SqlBooks]:
    """Opens books whose clock stands still at noon, unless `now` says otherwise."""
    books = SqlBooks(store, **({"now": Clock()} | options))
    await books.refresh()
    try:
        yield books
    finally:
        await books.aclose(grace_s=1)


async def put(store: Store, table: str, **values: Any) -> None:
    """Writes a row of the policy, as a change of it."""

    async def work(transaction: Transaction) -> None:
        row = values | {"revision": await next_revision(transaction), "created_at": 0}
        key = "name" if table == "callers" else "id"
        columns = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        changes = ", ".join(f"{name} = excluded.{name}" for name in row)
        await transaction.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {changes}", row
        )

    await store.write(work)


async def put_budget(store: Store, limit: int, *, caller: str = "alice", id_: str = "budget", **values: Any) -> None:
    """Creates a budget, by default of alice's days in UTC."""
    row: dict[str, Any] = {"period": Period.DAY.value, "time_zone": "UTC"} | values
    await put(store, "budgets", id=id_, caller=caller, limit_nano_usd=limit, **row)


async def put_caller(store: Store, name: str = "alice", **values: Any) -> None:
    """Creates a caller."""
    if "tags" in values:
        values["tags"] = json.dumps(values["tags"])
    await put(store, "callers", name=name, **values)


async def select(
    store: Store, columns: str, table: str, where: str = "1 = 1", *, group_by: str = ""
) -> list[tuple[Any, ...]]:
    """Returns columns of a table's rows, in order."""
    groups = f" GROUP BY {group_by}" if group_by else ""

    async def work(transaction: Transaction) -> list[tuple[Any, ...]]:
        return await transaction.fetch(f"SELECT {columns} FROM {table} WHERE {where}{groups} ORDER BY {columns}")

    return await store.read(work)


async def wait_for_rows(
    store: Store, expected: list[tuple[Any, ...]], columns: str, table: str, where: str = "1 = 1", *, group_by: str = ""
) -> None:
    """Waits until columns of a table's rows are as expected, for 30 seconds at most."""
    async with asyncio.timeout(30):
        while await select(store, columns, table, where, group_by=group_by) != expected:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def until_writable() -> AsyncIterator[None]:
    """Waits at the end of the block until the ledger can be written again, for a minute at most."""
    with awaiting_line("server_b.ledger.books.writer", "the ledger can be written again") as written:
        yield
        async with asyncio.timeout(60):
            await written.wait()
