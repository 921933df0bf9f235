"""Leases: a running server renews its lease. The open calls of a server that stopped renewing are lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from server_b.ledger.books.budget_windows import BudgetWindows
from server_b.ledger.books.settling import Settling
from server_b.ledger.live_servers import Process
from server_b.ledger.policies import PolicyCache
from server_b.ledger.roll_up import RollUp
from server_b.ledger.times import US_PER_S, to_us
from server_b.ledger.transactions import Row, Transaction

HEARTBEAT_S = 2.0
AT_ONCE = 200
"""How many calls one transaction takes over."""

_BEAT = (
    "INSERT INTO servers (id, host, pid, process_started, heartbeat_at)"
    " VALUES (:id, :host, :pid, :process_started, now_us())"
    " ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at RETURNING heartbeat_at"
)
_ORPHANS = (
    "SELECT c.id FROM calls c LEFT JOIN servers s ON s.id = c.server_id WHERE c.state = 'open'"
    " AND (s.heartbeat_at < now_us() - :lease_us OR (s.id IS NULL AND c.started_at < now_us() - :lease_us))"
    " LIMIT :at_once"
)
_OWN = (
    "SELECT id, provider, model FROM calls WHERE state = 'open' AND server_id = :id"
    " AND started_at + 0 < now_us() - :lease_us LIMIT 1000"
)
"""`+ 0` keeps the databases from using the index of `started_at`, through which they would read every call."""
_FORGET_DEAD = "DELETE FROM servers WHERE heartbeat_at < now_us() - :lease_us"


async def beat(transaction: Transaction, server_id: str, process: Process) -> int:
    """Renews a server's lease; returns the database's time in microseconds."""
    rows = await transaction.fetch(
        _BEAT, {"id": server_id, "host": process.host, "pid": process.pid, "process_started": process.started}
    )
    return int(rows[0][0])


async def end(transaction: Transaction, server_id: str) -> None:
    """Ends a server's lease. A call that it left open is lost one lease after the call began."""
    await transaction.execute("DELETE FROM servers WHERE id = :id", {"id": server_id})


async def end_gone(transaction: Transaction) -> None:
    """Ends the leases of processes on this machine that no longer exist."""
    rows = await transaction.fetch("SELECT id, host, pid, process_started FROM servers ORDER BY id")
    gone = [{"id": row[0]} for row in rows if Process(*row[1:]).is_gone]
    await transaction.execute_many("UPDATE servers SET heartbeat_at = 0 WHERE id = :id", gone)


async def take_over(
    transaction: Transaction, policies: PolicyCache, now: datetime, lease_s: float, thresholds: Sequence[int]
) -> int:
    """Marks the open calls of dead servers as lost, at most AT_ONCE; returns how many."""
    await transaction.lock_policy(to_change=False)  # a new budget must not count these calls at the same time
    lease = {"lease_us": int(lease_s * US_PER_S)}
    rows = await transaction.fetch(_ORPHANS, lease | {"at_once": AT_ONCE})
    if not rows:
        await transaction.execute(_FORGET_DEAD, lease)
        return 0
    budget_windows, roll_up = BudgetWindows(), RollUp()
    settling = Settling(to_us(now), budget_windows, roll_up)
    entries, windows = await transaction.fetch_each(Settling.queries([row[0] for row in rows]))
    settling.take(entries, windows)
    budget_windows.take(await transaction.fetch(*BudgetWindows.query(set(settling.window_keys()))))
    lost = [entry for entry in settling.entries.values() if entry.state == "open"]
    for entry in lost:
        settling.lose(entry)
    await settling.write(transaction)
    await budget_windows.write(transaction, policies.budget, thresholds, now)
    await roll_up.write(transaction)
    return len(lost)


async def own_calls(transaction: Transaction, server_id: str, lease_s: float) -> list[Row]:
    """Returns id, provider and model of a server's open calls that are older than a lease."""
    return await transaction.fetch(_OWN, {"id": server_id, "lease_us": int(lease_s * US_PER_S)})
