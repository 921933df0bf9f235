"""The policy as a process knows it: read in full at the start, and then only what has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from llm_relay.errors import LedgerUnavailable
from llm_relay.messages.accounts import Budget, CallerAccount, Period, Price, RateLimits, TokenInfo
from server_b.ledger.base import Policy
from server_b.ledger.migrations import SchemaTooNew, check_version, schema_version
from server_b.ledger.times import from_us, optional_from_us
from server_b.ledger.transactions import Row, Transaction

MAX_PARENTS = 4

REVISION = "SELECT value FROM ledger WHERE key = 'revision'"
CALLER_COLUMNS = (
    "name, parent, is_admin, is_disabled, models, calls_per_minute, tokens_per_minute, concurrent_calls, tags,"
    " created_at"
)
TOKEN_COLUMNS = "id, caller, label, created_at, expires_at, revoked_at, signed_in_with"  # noqa: S105 - names of columns
PRICE_COLUMNS = "id, pattern, input, output, cache_read, cache_write, valid_from, valid_until"
BUDGET_COLUMNS = (
    "id, caller, tag, period, time_zone, limit_nano_usd, is_warning_only, raised_by_nano_usd, raised_until, created_at"
)


async def next_revision(transaction: Transaction) -> int:
    """Starts a change of policy: waits for the calls that are being reserved, and returns the new revision."""
    await transaction.lock_policy(to_change=True)
    rows = await transaction.fetch("UPDATE ledger SET value = value + 1 WHERE key = 'revision' RETURNING value")
    return int(rows[0][0])


def caller_from_row(row: Row) -> CallerAccount:
    """Reads CALLER_COLUMNS."""
    return CallerAccount(
        name=row[0],
        parent=row[1],
        is_admin=bool(row[2]),
        is_disabled=bool(row[3]),
        models=tuple(json.loads(row[4])),
        rates=RateLimits(calls_per_minute=row[5], tokens_per_minute=row[6], concurrent_calls=row[7]),
        tags=json.loads(row[8]),
        created_at=from_us(row[9]),
    )


def token_from_row(row: Row) -> TokenInfo:
    """Reads TOKEN_COLUMNS."""
    return TokenInfo(
        id=row[0],
        caller=row[1],
        label=row[2],
        created_at=from_us(row[3]),
        expires_at=optional_from_us(row[4]),
        revoked_at=optional_from_us(row[5]),
        signed_in_with=row[6],
    )


def price_from_row(row: Row) -> Price:
    """Reads PRICE_COLUMNS."""
    return Price(
        id=row[0],
        pattern=row[1],
        input=row[2],
        output=row[3],
        cache_read=row[4],
        cache_write=row[5],
        valid_from=optional_from_us(row[6]),
        valid_until=optional_from_us(row[7]),
    )


def budget_from_row(row: Row) -> Budget:
    """Reads BUDGET_COLUMNS; the window is left empty."""
    return Budget(
        id=row[0],
        caller=row[1],
        tag=row[2],
        period=Period(row[3]),
        time_zone=row[4],
        limit_nano_usd=row[5],
        is_warning_only=bool(row[6]),
        raised_by_nano_usd=row[7],
        raised_until=optional_from_us(row[8]),
        created_at=from_us(row[9]),
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed from one revision to another."""

    since: int
    revision: int
    callers: list[CallerAccount]
    tokens: list[tuple[bytes, TokenInfo]]
    prices: list[tuple[int, bool, Price]]
    """When each was created, and whether it has been deleted."""
    budgets: list[tuple[bool, Budget]]
    """Whether each has been deleted."""


async def read_changes(transaction: Transaction, since: int) -> Changes | None:
    """Reads what has changed since a revision, on one snapshot. Returns None if nothing has."""
    revision = (await transaction.fetch(REVISION))[0][0]
    if revision == since:
        return None
    await _check_schema(transaction)
    # The revision went back: an older copy of the database was restored.
    known = {"since": since if since < revision else -1}
    callers, tokens, prices, budgets = await transaction.fetch_each(
        [
            (f"SELECT {CALLER_COLUMNS} FROM callers WHERE revision > :since", known),  # noqa: S608 - constants
            (f"SELECT digest, {TOKEN_COLUMNS} FROM tokens WHERE revision > :since", known),  # noqa: S608
            (f"SELECT created_at, deleted_at, {PRICE_COLUMNS} FROM prices WHERE revision > :since", known),  # noqa: S608
            (f"SELECT deleted_at, {BUDGET_COLUMNS} FROM budgets WHERE revision > :since", known),  # noqa: S608
        ]
    )
    return Changes(
        since,
        revision,
        [caller_from_row(row) for row in callers],
        [(bytes.fromhex(row[0]), token_from_row(row[1:])) for row in tokens],
        [(row[0], row[1] is not None, price_from_row(row[2:])) for row in prices],
        [(row[0] is not None, budget_from_row(row[1:])) for row in budgets],
    )


async def _check_schema(transaction: Transaction) -> None:
    """Raises LedgerUnavailable if a server of a newer version has migrated the ledger under this one."""
    try:
        check_version(await schema_version(transaction))
    except SchemaTooNew as error:
        raise LedgerUnavailable(operator_detail=f"the ledger was migrated by a newer version: {error}") from error


@dataclass(slots=True)
class PolicyCache:
    """The policy in force, with its budgets indexed by what they count."""

    policy: Policy = field(default_factory=lambda: Policy(revision=-1))
    _prices: dict[str, tuple[int, Price]] = field(default_factory=dict)
    _budgets: dict[str, Budget] = field(default_factory=dict)
    _by_scope: dict[str, tuple[Budget, ...]] = field(default_factory=dict)

    def apply(self, changes: Changes) -> bool:
        """Applies changes. Returns False if others were applied since these were read: read them again then."""
        if changes.since != self.policy.revision:
            return False
        if changes.revision < changes.since:  # everything was read, from an older copy of the database
            self._prices.clear()
            self._budgets.clear()
            self.policy = Policy(revision=-1)
        callers, tokens = dict(self.policy.callers), self._tokens_without_old(changes)
        callers.update((caller.name, caller) for caller in changes.callers)
        for digest, token in changes.tokens:
            if token.revoked_at is None:
                tokens[digest] = token
            else:
                tokens.pop(digest, None)
        for made_at, is_deleted, price in changes.prices:
            self._prices.pop(price.id, None)
            if not is_deleted:
                self._prices[price.id] = (made_at, price)
        for is_deleted, budget in changes.budgets:
            self._budgets.pop(budget.id, None)
            if not is_deleted:
                self._budgets[budget.id] = budget
        scopes: dict[str, list[Budget]] = {}
        for budget in self._budgets.values():
            scopes.setdefault(budget.scope, []).append(budget)
        self._by_scope = {scope: tuple(budgets) for scope, budgets in scopes.items()}
        newest = sorted(self._prices.values(), key=lambda made: (made[0], made[1].id), reverse=True)
        self.policy = replace(
            self.policy,
            revision=changes.revision,
            callers=callers,
            tokens=tokens,
            prices=tuple(price for _, price in newest),
        )
        return True

    def _tokens_without_old(self, changes: Changes) -> dict[bytes, TokenInfo]:
        """Returns the known tokens, without those that had expired before the newest one was created."""
        newest = max((token.created_at for _, token in changes.tokens), default=None)
        known = self.policy.tokens.items()
        return {
            digest: token
            for digest, token in known
            if newest is None or token.expires_at is None or token.expires_at >= newest
        }

    def budget(self, budget_id: str) -> Budget | None:
        """Returns a budget, or None if it has been deleted."""
        return self._budgets.get(budget_id)

    @property
    def has_budgets(self) -> bool:
        """Whether any call may count in a budget."""
        return bool(self._by_scope)

    def budgets_of(self, account: str, tags: Mapping[str, str]) -> list[Budget]:
        """Returns the budgets that a call counts in: of its account, of the accounts above it, of its tags."""
        if not self._by_scope:
            return []
        found = [budget for name in self._and_parents(account) for budget in self._by_scope.get(f"caller:{name}", ())]
        for key, value in tags.items():
            if "=" in key:  # the budget of a=b=c counts the value b=c of the tag a
                continue
            found += self._by_scope.get(f"tag:{key}={value}", ())
        return found

    def _and_parents(self, account: str) -> Iterator[str]:
        seen: list[str] = []
        while account and account not in seen and len(seen) <= MAX_PARENTS:
            yield account
            seen.append(account)
            caller = self.policy.callers.get(account)
            account = caller.parent if caller else ""
