"""Sums that are too large for 64 bits, such as those of a provider whose token counts are absurd."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from llm_relay.errors import BudgetExceeded
from llm_relay.messages.accounts import Adjustment, Budget, CallQuery, CallState, Dimension, Period, UsageQuery
from server_b.ledger.base import Ledger
from server_b.ledger.entries import MOST_NANO_USD, MOST_SUM, MOST_TOKENS
from tests.server_b.ledger.ledger_calls import Clock, end_of, new_call, spend

pytestmark = pytest.mark.anyio

TOO_MANY = MOST_SUM // MOST_NANO_USD + 40
BUDGET = Budget(caller="alice", period=Period.TOTAL, time_zone="UTC", limit_nano_usd=10**18, is_warning_only=True)


async def spend_the_most(ledger: Ledger, clock: Clock, caller: str = "alice") -> str:
    call = new_call(clock.now, caller, bound=MOST_NANO_USD, tags={"team": "x"})
    await ledger.reserve(call)
    end = replace(end_of(call, MOST_NANO_USD), input_tokens=MOST_TOKENS)
    await ledger.settle(end)
    return call.id


async def test_sums_stop_at_the_most_that_a_sum_counts_as(ledger: Ledger, clock: Clock) -> None:
    await ledger.put_budget(BUDGET, by="root")
    await asyncio.gather(*(spend_the_most(ledger, clock) for _ in range(TOO_MANY)))
    last = await spend_the_most(ledger, clock)
    await spend(ledger, clock.now, 5, "bob")
    assert (await ledger.calls(CallQuery(state=CallState.OPEN))).calls == ()
    [budget] = await ledger.list_budgets()
    assert (budget.spent_nano_usd, budget.reserved_nano_usd) == (MOST_SUM, 0)
    since = clock.now.replace(minute=0)
    for query in (
        UsageQuery(),
        UsageQuery(by=(Dimension.DAY,)),
        UsageQuery(by=(Dimension.HOUR,)),
        UsageQuery(since=since, until=clock.now.replace(minute=59)),  # reads the calls
        UsageQuery(tag="team=x"),
    ):
        [whole] = await ledger.usage(query)
        assert (whole.nano_usd, whole.charged_nano_usd) == (MOST_SUM, MOST_SUM), query
        assert whole.input_tokens >= (TOO_MANY + 1) * MOST_TOKENS
    [alice, bob] = await ledger.usage(UsageQuery(by=(Dimension.CALLER,)))
    assert (alice.calls, alice.nano_usd, bob.nano_usd) == (TOO_MANY + 1, MOST_SUM, 5)
    await ledger.adjust(Adjustment(call_id=last, nano_usd=-7, reason="credit"), by="root")
    await ledger.adjust(Adjustment(call_id=last, nano_usd=7, reason="no credit"), by="root")
    assert [one.spent_nano_usd for one in await ledger.list_budgets()] == [MOST_SUM]
    for scope in ({"caller": "alice"}, {"caller": "", "tag": "team=x"}):
        made = await ledger.put_budget(replace(BUDGET, period=Period.MONTH, is_warning_only=False, **scope), by="root")  # type: ignore[arg-type]
        counted = next(one for one in await ledger.list_budgets() if one.id == made.id)
        assert counted.spent_nano_usd == MOST_SUM
    with pytest.raises(BudgetExceeded):
        await spend(ledger, clock.now, 1)


async def test_reservations_that_were_too_many_to_count_leave_nothing_reserved(ledger: Ledger, clock: Clock) -> None:
    await ledger.put_budget(BUDGET, by="root")
    calls = [new_call(clock.now, bound=MOST_NANO_USD) for _ in range(TOO_MANY)]
    await asyncio.gather(*map(ledger.reserve, calls))
    assert [budget.reserved_nano_usd for budget in await ledger.list_budgets()] == [MOST_SUM]
    await asyncio.gather(*(ledger.settle(end_of(call, 1)) for call in calls))
    [budget] = await ledger.list_budgets()
    assert (budget.spent_nano_usd, budget.reserved_nano_usd) == (TOO_MANY, 0)
