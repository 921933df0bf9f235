"""Changes made by admins. Each one is a transaction, with its entries in the audit log."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import orjson

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import AuditEntry
from server_b.ledger.accounts.access import read_access
from server_b.ledger.base import AccessCheck
from server_b.ledger.times import from_us, to_us
from server_b.ledger.transactions import Store, Transaction

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Change:
    """A change in progress."""

    transaction: Transaction
    by: str
    """The admin's name."""
    at_us: int
    key: str
    """Identifies this change. It stays the same when the transaction is retried: new ids begin with it."""
    thresholds: Sequence[int] = ()
    """The percentages of a budget that raise an alert."""
    revision: int = 0
    """The ledger's revision from this change on; 0: the policy does not change."""
    _entries: int = field(default=0, init=False)

    async def audit(self, action: str, subject: str, detail: Mapping[str, object]) -> None:
        """Writes an entry to the audit log. `detail` must contain no secret."""
        self._entries += 1
        await self.transaction.execute(
            "INSERT INTO audit (id, made_at, made_by, action, subject, detail)"
            " VALUES (:id, :at, :by, :action, :subject, :detail) ON CONFLICT (id) DO NOTHING",
            {
                "id": _audit_id(self.key, self._entries),
                "at": self.at_us,
                "by": self.by,
                "action": action,
                "subject": subject,
                "detail": json_text(detail),
            },
        )


class Changes:
    """Runs changes."""

    def __init__(self, store: Store, now: Callable[[], datetime], thresholds: Sequence[int] = ()) -> None:
        """`now` is the clock of reservations; `thresholds` are the percentages of a budget that raise an alert."""
        self._store = store
        self._now = now
        self._thresholds = thresholds

    async def of_policy(
        self, work: Callable[[Change], Awaitable[T]], *, by: str, access_check: AccessCheck | None = None
    ) -> T:
        """Changes callers, tokens, budgets or prices, while no call is reserved or settled.

        `access_check` runs within the transaction and sees all earlier changes. So two changes at the same moment
        cannot both pass if together they must not.
        """

        async def change(transaction: Transaction, key: str) -> T:
            [[revision]] = await transaction.fetch(
                "UPDATE ledger SET value = value + 1 WHERE key = 'revision' RETURNING value"
            )
            made = self._change(transaction, by, key, revision)
            if access_check is None:
                return await work(made)
            before = await read_access(transaction, made.at_us)
            result = await work(made)
            access_check(before, await read_access(transaction, made.at_us))
            return result

        return await self._write(change, is_of_policy=True)

    async def of_calls(self, work: Callable[[Change], Awaitable[T]], *, by: str) -> T:
        """Changes calls. The policy cannot change at the same time."""

        async def change(transaction: Transaction, key: str) -> T:
            return await work(self._change(transaction, by, key))

        return await self._write(change, is_of_policy=False)

    def _change(self, transaction: Transaction, by: str, key: str, revision: int = 0) -> Change:
        return Change(
            transaction=transaction,
            by=by,
            at_us=to_us(self._now()),
            key=key,
            thresholds=self._thresholds,
            revision=revision,
        )

    async def _write(self, change: Callable[[Transaction, str], Awaitable[T]], *, is_of_policy: bool) -> T:
        key = secrets.token_hex(12)
        results: list[T] = []

        async def work(transaction: Transaction) -> T:
            await transaction.lock_policy(to_change=is_of_policy)
            if results and await _is_audited(transaction, key):
                return results[-1]  # the commit took effect, but its confirmation was lost
            results.append(await change(transaction, key))
            return results[-1]

        return await self._store.write(work, is_long=True)


async def _is_audited(transaction: Transaction, key: str) -> bool:
    """Tells whether the change with this key has been committed."""
    return bool(await transaction.fetch("SELECT 1 FROM audit WHERE id = :id", {"id": _audit_id(key, 1)}))


def _audit_id(key: str, number: int) -> str:
    """Returns the id of a change's entry in the audit log, by its number from 1."""
    return f"{key}{number:04d}"


async def list_audit(transaction: Transaction, limit: int) -> Sequence[AuditEntry]:
    """Lists changes, newest first."""
    rows = await transaction.fetch(
        "SELECT id, made_at, made_by, action, subject, detail FROM audit ORDER BY made_at DESC, id DESC LIMIT :limit",
        {"limit": limit},
    )
    return [
        AuditEntry(id=key, at=from_us(at), by=by, action=action, subject=subject, detail=detail)
        for key, at, by, action, subject, detail in rows
    ]


def missing(field_name: str, what: str) -> InvalidRequest:
    """Returns the error for a reference to something that does not exist."""
    return InvalidRequest.of(Violation(field_name, f"there is no {what}"))


def json_text(value: object) -> str:
    """Returns JSON as the tables store it."""
    return orjson.dumps(value, default=_shown, option=orjson.OPT_UTC_Z).decode()


def _shown(value: Any) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
