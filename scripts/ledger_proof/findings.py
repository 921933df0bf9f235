"""Errors in a ledger, compared with what the provider billed and what callers got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from scripts.ledger_proof.book import Book, Row
from scripts.ledger_proof.callers import Reply
from scripts.ledger_proof.provider import INPUT_NANO, OUTPUT_NANO, BillingProvider

ENDED_HERE = frozenset({"CANCELLED", "cancelled", "DEADLINE_EXCEEDED", "DRAINING"})
"""Outcomes of calls that ended before the provider's own end."""


def findings(book: Book, provider: BillingProvider, replies: Mapping[str, Sequence[Reply]]) -> Iterator[str]:
    """Yields a line for each error."""
    yield from _of_sums(book)
    for row in book.all:
        yield from _of_row(book, row)
    for key in {*provider.bills, *replies}:
        yield from _of_key(book, provider, key, replies.get(key, ()))


def _of_sums(book: Book) -> Iterator[str]:
    charged = sum(row.charged_nano_usd for row in book.all)
    if book.reserved:
        yield f"{book.reserved} nano-USD are still reserved"
    if book.spent != charged:
        yield f"the budget has {book.spent} spent, but the calls add up to {charged}"
    for unit, rolled_up in book.charged_by.items():
        if rolled_up != charged:
            yield f"the {unit} have {rolled_up} charged, but the calls add up to {charged}"


def _of_row(book: Book, row: Row) -> Iterator[str]:
    name = f"{row.request_id} ({row.state} {row.outcome} {row.protocol})"
    worked = row.state == "lost" or book.may_have_worked.get(row.id, False)
    expected = row.nano_usd if row.nano_usd is not None else (row.reserved_nano_usd or 0) if worked else 0
    if row.state == "open":
        yield f"{name} is still open"
    elif row.charged_nano_usd != expected:
        yield f"{name} is charged {row.charged_nano_usd}, but should be charged {expected}"
    if row.is_overrun or (row.reserved_nano_usd or 0) < row.charged_nano_usd:
        yield f"{name} cost more than its bound"
    if row.accuracy == "exact" and row.nano_usd != _price(row):
        yield f"{name} has {row.input_tokens} and {row.output_tokens} tokens, but costs {row.nano_usd}"


def _of_key(book: Book, provider: BillingProvider, key: str, replies: Sequence[Reply]) -> Iterator[str]:
    rows, bills = book.rows.get(key, []), provider.bills.get(key, [])
    attempts = sum(book.attempts.get(row.id, 0) for row in rows)
    # A call of a killed server has a row but no attempts, which are written at the end of a call.
    if len(bills) > attempts and not any(row.state == "lost" for row in rows):
        yield f"{key}: the provider got {len(bills)} requests, the ledger has {attempts} attempts in {len(rows)} rows"
    if bills and not rows:
        yield f"{key}: the provider was asked, and there is no row"
    given = Counter(bill.nano_usd for bill in bills)
    exact = Counter(row.nano_usd for row in rows if row.accuracy == "exact" and row.nano_usd)
    if exact - given:
        yield f"{key}: the ledger has {sorted(exact)}, the provider sent {sorted(given)}"
    whole = Counter(bill.nano_usd for bill in bills if bill.is_whole)
    ended_here = [row for row in rows if row.state == "lost" or row.outcome in ENDED_HERE]
    if (whole - exact).total() > len(ended_here):
        yield f"{key}: the provider sent {sorted(whole)} whole, the ledger has {sorted(exact)} ({_outcomes(rows)})"
    costs = {row.nano_usd for row in rows} or {0}  # a call without time left may have no row
    for one in replies:
        if one.nano_usd is not None and one.nano_usd not in costs:
            yield f"{key}: a caller got {one}, but the ledger has {costs} ({_outcomes(rows)})"
        if not one.reason and one.nano_usd is None and not any(row.nano_usd is None for row in rows):
            yield f"{key}: a caller got no cost, but the ledger has {costs}"


def _price(row: Row) -> int:
    return (row.input_tokens or 0) * INPUT_NANO + (row.output_tokens or 0) * OUTPUT_NANO


def _outcomes(rows: Sequence[Row]) -> str:
    return ", ".join(f"{row.state} {row.outcome} {row.accuracy}" for row in rows)
