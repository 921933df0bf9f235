"""Callers, and the callers above and below them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import CallerAccount
from server_b.ledger.accounts.changes import Change, json_text
from server_b.ledger.policies import CALLER_COLUMNS, MAX_PARENTS, caller_from_row
from server_b.ledger.times import from_us
from server_b.ledger.transactions import Transaction


async def put_caller(change: Change, caller: CallerAccount, fields: Collection[str] | None = None) -> CallerAccount:
    """Creates or replaces a caller."""
    if fields is not None:
        caller = await _with_fields(change.transaction, caller, fields)
    if caller.parent:
        _check_parents(caller, await parents(change.transaction))
    [[created_at]] = await change.transaction.fetch(
        f"INSERT INTO callers ({CALLER_COLUMNS}, revision)"  # noqa: S608 - columns
        " VALUES (:name, :parent, :is_admin, :is_disabled, :models, :calls_per_minute, :tokens_per_minute,"
        " :concurrent_calls, :tags, :created_at, :revision)"
        " ON CONFLICT (name) DO UPDATE SET parent = excluded.parent, is_admin = excluded.is_admin,"
        " is_disabled = excluded.is_disabled, models = excluded.models, calls_per_minute = excluded.calls_per_minute,"
        " tokens_per_minute = excluded.tokens_per_minute, concurrent_calls = excluded.concurrent_calls,"
        " tags = excluded.tags, revision = excluded.revision RETURNING created_at",
        _params(caller) | {"created_at": change.at_us, "revision": change.revision},
    )
    await change.audit("caller.put", caller.name, _shown(caller))
    return replace(caller, created_at=from_us(created_at))


async def _with_fields(transaction: Transaction, caller: CallerAccount, fields: Collection[str]) -> CallerAccount:
    """Returns the caller as it is, with these fields of `caller`; all of `caller` if it does not exist."""
    rows = await transaction.fetch(
        f"SELECT {CALLER_COLUMNS} FROM callers WHERE name = :name",  # noqa: S608 - columns
        {"name": caller.name},
    )
    if not rows:
        return caller
    return caller_from_row(rows[0]).with_fields_of(caller, fields)


async def ensure_caller(change: Change, name: str) -> None:
    """Creates a caller without limits, if it does not exist."""
    made = await change.transaction.fetch(
        "INSERT INTO callers (name, created_at, revision) VALUES (:name, :at, :revision)"
        " ON CONFLICT (name) DO NOTHING RETURNING name",
        {"name": name, "at": change.at_us, "revision": change.revision},
    )
    if made:
        await change.audit("caller.put", name, _shown(CallerAccount(name=name)))


async def make_admin(change: Change, name: str) -> None:
    """Makes an existing caller an admin."""
    made = await change.transaction.fetch(
        "UPDATE callers SET is_admin = 1, revision = :revision"  # noqa: S608 - columns
        f" WHERE name = :name AND is_admin = 0 RETURNING {CALLER_COLUMNS}",
        {"name": name, "revision": change.revision},
    )
    for row in made:
        await change.audit("caller.put", name, _shown(caller_from_row(row)))


async def list_callers(transaction: Transaction) -> Sequence[CallerAccount]:
    """Lists the callers by name."""
    rows = await transaction.fetch(f"SELECT {CALLER_COLUMNS} FROM callers")  # noqa: S608 - columns
    return sorted((caller_from_row(row) for row in rows), key=lambda caller: caller.name)


async def parents(transaction: Transaction) -> dict[str, str]:
    """Returns the parent of each caller that has one."""
    return dict(await transaction.fetch("SELECT name, parent FROM callers WHERE parent <> ''"))


def above(name: str, parent_of: Mapping[str, str]) -> tuple[str, ...]:
    """Returns a caller's parent, its parent's parent, and so on."""
    chain: list[str] = []
    while (name := parent_of.get(name, "")) and name not in chain:
        chain.append(name)
    return tuple(chain)


def below(name: str, parent_of: Mapping[str, str]) -> frozenset[str]:
    """Returns a caller and all callers below it, whose spending counts as its own too."""
    return frozenset((name, *(each for each in parent_of if name in above(each, parent_of))))


def _check_parents(caller: CallerAccount, before: Mapping[str, str]) -> None:
    parent_of = {**before, caller.name: caller.parent}
    chain = above(caller.name, parent_of)
    if caller.name in chain:
        cycle = " > ".join((caller.name, *chain[: chain.index(caller.name) + 1]))
        raise InvalidRequest.of(Violation("parent", f"must not form a cycle: {cycle}"))
    deepest = max(((name, *above(name, parent_of)) for name in below(caller.name, parent_of)), key=len)
    if len(deepest) - 1 > MAX_PARENTS:
        raise InvalidRequest.of(
            Violation(
                "parent",
                f"must leave at most {MAX_PARENTS} callers above any caller: {' > '.join(deepest)} is too deep",
            )
        )


def _params(caller: CallerAccount) -> dict[str, object]:
    return {
        "name": caller.name,
        "parent": caller.parent,
        "is_admin": int(caller.is_admin),
        "is_disabled": int(caller.is_disabled),
        "models": json_text(caller.models),
        "calls_per_minute": caller.rates.calls_per_minute,
        "tokens_per_minute": caller.rates.tokens_per_minute,
        "concurrent_calls": caller.rates.concurrent_calls,
        "tags": json_text(caller.tags),
    }


def _shown(caller: CallerAccount) -> dict[str, object]:
    return _without_nothing(asdict(caller).items())


def _without_nothing(members: Iterable[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in members if name not in ("name", "created_at") and value}
