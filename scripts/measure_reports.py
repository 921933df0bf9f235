"""Fills a ledger with calls, and measures how long its reports take.

    python -m scripts.measure_reports [LEDGER] [--calls 1000000]

LEDGER is a URL as in the setting LEDGER. The default is a new file in a temporary folder. A ledger that already has
calls is not filled.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from llm_relay.messages.accounts import Budget, CallQuery, Dimension, Period, UsageQuery
from server_b.ledger.accounts.stored_accounts import StoredAccounts
from server_b.ledger.open_ledger import open_store
from server_b.ledger.reports.stored_reports import StoredReports
from server_b.ledger.roll_up import RollUp
from server_b.ledger.tag_search import tags_text
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Store, Transaction

DAYS = 30
STEP = 2000
CALLERS = [f"caller{number}" for number in range(50)]
MODELS = [("openai", "gpt-5"), ("openai", "gpt-5-mini"), ("bedrock", "claude"), ("bedrock", "nova")]
PROTOCOLS = ["grpc", "http", "openai", "mcp"]
OUTCOMES = ["stop"] * 17 + ["length", "tool_calls", "PROVIDER_UNAVAILABLE"]
_CALL = (
    "id, request_id, caller, account, protocol, provider, model, state, outcome, is_failed, input_tokens,"
    " output_tokens, accuracy, nano_usd, reserved_nano_usd, charged_nano_usd, started_at, ended_at, duration_s, tags"
)
_INSERT = f"INSERT INTO calls ({_CALL}) VALUES ({', '.join(':' + name for name in _CALL.split(', '))})"  # noqa: S608
_ATTEMPT = (
    "INSERT INTO attempts (call_id, number, provider, model, started_at, ended_at, may_have_worked)"
    " VALUES (:id, 1, :provider, :model, :started_at, :ended_at, 1)"
)


def new_rows(number: int, of: int, now: datetime) -> list[dict[str, Any]]:
    """Returns the rows of STEP calls, spread over DAYS."""
    rows = []
    for index in range(number, min(number + STEP, of)):
        started_at = to_us(now - timedelta(days=DAYS) * (1 - index / of))
        account, (provider, model), outcome = random.choice(CALLERS), random.choice(MODELS), random.choice(OUTCOMES)  # noqa: S311
        cost = random.randrange(10_000_000)  # noqa: S311
        rows.append(
            {
                "id": str(uuid.uuid4()),
                "request_id": str(uuid.uuid4()),
                "caller": f"gateway/{account}",
                "account": account,
                "protocol": random.choice(PROTOCOLS),  # noqa: S311
                "provider": provider,
                "model": model,
                "state": "settled",
                "outcome": outcome,
                "is_failed": int(outcome.isupper()),
                "input_tokens": random.randrange(5000),  # noqa: S311
                "output_tokens": random.randrange(1000),  # noqa: S311
                "accuracy": "exact",
                "nano_usd": cost,
                "reserved_nano_usd": cost * 2,
                "charged_nano_usd": cost,
                "started_at": started_at,
                "ended_at": started_at + 2_000_000,
                "duration_s": 2.0,
                "tags": tags_text({"project": f"p{random.randrange(20)}", "user": f"u{random.randrange(10_000)}"}),  # noqa: S311
            }
        )
    return rows


async def fill(store: Store, calls: int) -> None:
    """Writes the calls, their attempts and their roll-up."""
    now = datetime.now(UTC)
    for number in range(0, calls, STEP):
        rows = new_rows(number, calls, now)
        roll_up = RollUp()
        for row in rows:
            where = (row["account"], row["provider"], row["model"], row["protocol"], row["outcome"])
            counts = roll_up.of(row["started_at"], *where)
            counts.calls += 1
            counts.failed += row["is_failed"]
            for name in ("input_tokens", "output_tokens", "nano_usd", "charged_nano_usd"):
                setattr(counts, name, getattr(counts, name) + row[name])

        async def work(transaction: Transaction, rows: Any = rows, roll_up: RollUp = roll_up) -> None:
            await transaction.execute_many(_INSERT, rows)
            await transaction.execute_many(_ATTEMPT, [{name: row[name] for name in _ATTEMPT_PARAMS} for row in rows])
            await roll_up.write(transaction)

        await store.write(work)


_ATTEMPT_PARAMS = ("id", "provider", "model", "started_at", "ended_at")


async def measure(what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Prints how long something takes, the best of three, and how long it blocked the event loop at most."""
    times, stood = [], 0.0
    for _ in range(3):
        stands = [0.0]
        watch = asyncio.create_task(_watch_loop(stands))
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0)
        watch.cancel()
        stood = max(stood, *stands)
    print(f"{what:54} {min(times) * 1000:8.1f} ms   loop blocked {stood * 1000:6.1f} ms")


async def _watch_loop(stands: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        stands.append(time.perf_counter() - began - 0.001)


async def run(url: str, calls: int) -> None:
    """Fills the ledger and measures."""
    store = await open_store(url, folder=Path.cwd())
    try:
        rows = await store.read(lambda transaction: transaction.fetch("SELECT COUNT(*) FROM calls"))
        if not rows[0][0]:
            began = time.perf_counter()
            await fill(store, calls)
            print(f"{calls:,} calls written in {time.perf_counter() - began:.0f} s")
        await measure_all(store)
    finally:
        await store.aclose()


async def measure_all(store: Store) -> None:
    """Measures each report."""
    reports = StoredReports(store, lambda: datetime.now(UTC))
    since = datetime.now(UTC) - timedelta(days=DAYS)
    for by in ((), *((dimension,) for dimension in Dimension if dimension is not Dimension.TAG)):
        name = ",".join(each.value for each in by) or "nothing"
        await measure(f"usage by {name}", lambda by=by: reports.usage(UsageQuery(since=since, by=by)))  # type: ignore[misc]
    many = (Dimension.DAY, Dimension.CALLER, Dimension.MODEL, Dimension.PROVIDER, Dimension.PROTOCOL)
    by_tag = (Dimension.TAG,)
    by_day = (Dimension.DAY,)
    for what, query in (
        ("usage by day,caller,model,provider,protocol", UsageQuery(since=since, by=many)),
        ("usage by tag (20 values)", UsageQuery(since=since, by=by_tag, tag_key="project")),
        ("usage by tag (10,000 values)", UsageQuery(since=since, by=by_tag, tag_key="user")),
        ("usage of one tag by day", UsageQuery(since=since, by=by_day, tag="project=p3")),
        ("usage by day in Asia/Kathmandu", UsageQuery(since=since, by=by_day, time_zone="Asia/Kathmandu")),
        ("usage of one caller", UsageQuery(since=since, caller="caller7")),
    ):
        await measure(what, lambda query=query: reports.usage(query))  # type: ignore[misc]
    for what, calls in (
        ("calls, the first 50", CallQuery()),
        ("calls of one caller, the first 1,000", CallQuery(caller="caller7", limit=1000)),
        ("calls of one request_id", CallQuery(request_id="none")),
        ("calls with an unused tag", CallQuery(tag="project=none")),
        ("calls whose cost is unknown", CallQuery(is_cost_unknown=True)),
    ):
        await measure(what, lambda query=calls: reports.calls(query))  # type: ignore[misc]
    await measure_new_budgets(store)


async def measure_new_budgets(store: Store) -> None:
    """Measures how long it takes to create a budget, which counts earlier calls."""
    accounts = StoredAccounts(store, lambda: datetime.now(UTC))
    for what, budget in (
        ("budget of a caller, all time", Budget(caller="caller7", period=Period.TOTAL, limit_nano_usd=10**15)),
        ("budget of a tag, this month", Budget(tag="project=p3", period=Period.MONTH, limit_nano_usd=10**15)),
    ):

        async def make(budget: Budget = budget) -> None:
            made = await accounts.put_budget(budget, by="measure")
            await accounts.delete_budget(made.id, by="measure")

        await measure(what, make)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledger", nargs="?", default="", metavar="LEDGER")
    parser.add_argument("--calls", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(arguments.ledger or f"sqlite:///{folder}/relay.db", arguments.calls))


if __name__ == "__main__":
    main()
