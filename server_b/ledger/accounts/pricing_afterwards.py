"""Prices calls whose price was not known when they ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter

from llm_relay.messages import Cost
from llm_relay.messages.accounts import Adjustment, CallEntry, CallQuery, Repricing
from server_b.ledger.accounts.adjustments import Correction, correct, lock_calls
from server_b.ledger.accounts.changes import Change, Changes
from server_b.ledger.call_queries import MAX_LIMIT, list_calls, next_query
from server_b.ledger.entries import MOST_NANO_USD, MOST_SUM
from server_b.ledger.transactions import Store

REASON = "priced afterwards"
BATCH = 20
"""How many calls one transaction corrects. It is small, so that no other call waits long."""


async def price_unknown(
    store: Store, changes: Changes, cost: Callable[[CallEntry], Cost], *, query: CallQuery, by: str
) -> Repricing:
    """Prices the calls that `query` finds and whose cost is unknown. `cost` computes a cost from their tokens."""
    query = replace(query, state=None, is_cost_unknown=True, limit=MAX_LIMIT, page_token="")
    priced = total = unknown = 0
    while True:
        page = await store.read(lambda transaction, query=query: list_calls(transaction, query))  # type: ignore[misc]
        found = [(call, cost(call) if _is_counted(call) else Cost()) for call in page.calls]
        known = [(call, made) for call, made in found if made.usd is not None]
        unknown += len(found) - len(known)
        for start in range(0, len(known), BATCH):
            batch = known[start : start + BATCH]
            costs = await changes.of_calls(lambda change, batch=batch: _correct(change, batch), by=by)  # type: ignore[misc]
            priced, total = priced + len(costs), total + sum(costs)
        if not page.next_page_token:
            return Repricing(priced=priced, nano_usd=min(total, MOST_SUM), unknown=unknown)
        query = next_query(query, page)


def _is_counted(call: CallEntry) -> bool:
    return call.input_tokens is not None and call.output_tokens is not None


async def _correct(change: Change, found: list[tuple[CallEntry, Cost]]) -> list[int]:
    """Corrects the calls whose cost is still unknown; returns their costs."""
    calls = await lock_calls(change.transaction, [call.id for call, _ in found])
    corrections = []
    for call_id, made in sorted(((call.id, made) for call, made in found), key=itemgetter(0)):
        call = calls.get(call_id)
        if call is not None and call.nano_usd is None and made.nano_usd is not None:
            # Capped, as in settlement: one absurd token count must not stop the pricing of the other calls.
            nano_usd = min(made.nano_usd, MOST_NANO_USD)
            adjustment = Adjustment(id=f"adj_{call_id}", call_id=call_id, nano_usd=nano_usd, reason=REASON)
            corrections.append(Correction(call, adjustment, made.price_source))
    await correct(change, corrections)
    return [one.nano_usd for one in corrections]
