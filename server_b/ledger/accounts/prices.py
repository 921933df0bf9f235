"""Prices that admins set at run time."""

from __future__ import annotations

from dataclasses import asdict, replace

from llm_relay.messages.accounts import Price
from server_b.ledger.accounts.changes import Change, missing
from server_b.ledger.times import optional_to_us


async def put_price(change: Change, price: Price) -> Price:
    """Adds a price, or replaces the one with its id. It is then the newest price."""
    if price.id and not await change.transaction.fetch(
        "SELECT id FROM prices WHERE id = :id AND deleted_at IS NULL", {"id": price.id}
    ):
        raise missing("id", f"price {price.id!r}: leave id empty to add one")
    price = replace(price, id=price.id or f"price_{change.key[:16]}")
    await change.transaction.execute(
        "INSERT INTO prices"
        " (id, pattern, input, output, cache_read, cache_write, valid_from, valid_until, created_at, revision)"
        " VALUES (:id, :pattern, :input, :output, :cache_read, :cache_write, :valid_from, :valid_until, :at, :revision)"
        " ON CONFLICT (id) DO UPDATE SET pattern = excluded.pattern, input = excluded.input, output = excluded.output,"
        " cache_read = excluded.cache_read, cache_write = excluded.cache_write, valid_from = excluded.valid_from,"
        " valid_until = excluded.valid_until, created_at = excluded.created_at, revision = excluded.revision",
        asdict(price)
        | {
            "valid_from": optional_to_us(price.valid_from),
            "valid_until": optional_to_us(price.valid_until),
            "at": change.at_us,
            "revision": change.revision,
        },
    )
    await change.audit(
        "price.put", price.pattern, {name: value for name, value in asdict(price).items() if name != "pattern"}
    )
    return price


async def delete_price(change: Change, price_id: str) -> None:
    """Removes a price."""
    rows = await change.transaction.fetch(
        "UPDATE prices SET deleted_at = :at, revision = :revision WHERE id = :id AND deleted_at IS NULL"
        " RETURNING pattern",
        {"at": change.at_us, "revision": change.revision, "id": price_id},
    )
    if not rows:
        raise missing("price_id", f"price {price_id!r}")
    await change.audit("price.delete", rows[0][0], {"id": price_id})
