"""Prices of the ledger, corrections of calls, and pricing calls afterwards."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from llm_relay.errors import InvalidRequest
from llm_relay.messages import Cost
from llm_relay.messages.accounts import Adjustment, Budget, CallEntry, CallQuery, Period, Price, UsageQuery
from server_b.ledger.base import Ledger
from server_b.ledger.entries import MOST_NANO_USD
from tests.server_b.ledger.ledger_calls import Clock, end_of, new_call, spend

pytestmark = pytest.mark.anyio

PRICE = Price(pattern="openai/my-*", input=2_500_000_000, output=10_000_000_000, cache_read=0)


async def call_of(ledger: Ledger, key: str) -> CallEntry:
    [call] = (await ledger.calls(CallQuery(call_id=key))).calls
    return call


async def test_the_newest_price_is_the_first(ledger: Ledger, clock: Clock) -> None:
    first = await ledger.put_price(PRICE, by="root")
    clock.now += timedelta(seconds=1)
    second = await ledger.put_price(replace(PRICE, input=0, valid_until=clock.now + timedelta(days=1)), by="root")
    assert list(ledger.policy.prices) == [second, first]
    clock.now += timedelta(seconds=1)
    changed = await ledger.put_price(replace(first, output=0), by="root")
    assert list(ledger.policy.prices) == [changed, second]
    await ledger.delete_price(second.id, by="root")
    assert list(ledger.policy.prices) == [changed]
    for wrong in (ledger.delete_price(second.id, by="root"), ledger.put_price(replace(PRICE, id="x"), by="root")):
        with pytest.raises(InvalidRequest, match="there is no price"):
            await wrong


async def test_a_correction_changes_the_call_and_the_usage(ledger: Ledger, clock: Clock) -> None:
    key = await spend(ledger, clock.now, 500)
    corrected = await ledger.adjust(Adjustment(call_id=key, nano_usd=-500, reason="credit"), by="root")
    assert (corrected.nano_usd, corrected.charged_nano_usd, corrected.id) == (0, 0, key)
    assert len(corrected.attempts) == 1
    [usage] = await ledger.usage(UsageQuery())
    assert (usage.calls, usage.nano_usd, usage.charged_nano_usd, usage.unknown_cost_calls) == (1, 0, 0, 0)
    [entry] = await ledger.list_audit()
    assert (entry.action, entry.subject) == ("call.adjust", key)


async def test_no_call_costs_less_than_zero(ledger: Ledger, clock: Clock) -> None:
    key = await spend(ledger, clock.now, 500)
    with pytest.raises(InvalidRequest, match="nano_usd: must be -500 or more"):
        await ledger.adjust(Adjustment(call_id=key, nano_usd=-501, reason="credit"), by="root")
    assert (await call_of(ledger, key)).nano_usd == 500


async def test_only_a_call_that_has_ended_can_be_corrected(ledger: Ledger, clock: Clock) -> None:
    call = new_call(clock.now)
    await ledger.reserve(call)
    with pytest.raises(InvalidRequest, match="running"):
        await ledger.adjust(Adjustment(call_id=call.id, nano_usd=1, reason="x"), by="root")
    with pytest.raises(InvalidRequest, match="there is no call"):
        await ledger.adjust(Adjustment(call_id="x", nano_usd=1, reason="x"), by="root")
    await ledger.settle(end_of(call, 0))
    assert (await ledger.adjust(Adjustment(call_id=call.id, nano_usd=1, reason="x"), by="root")).nano_usd == 1


async def test_an_unknown_cost_is_known_after_a_correction(ledger: Ledger, clock: Clock) -> None:
    await ledger.put_budget(
        Budget(caller="alice", period=Period.DAY, limit_nano_usd=10_000, time_zone="UTC"), by="root"
    )
    key = await spend(ledger, clock.now, None, bound=900)
    assert (await call_of(ledger, key)).charged_nano_usd == 900
    with pytest.raises(InvalidRequest, match="this is what it cost"):
        await ledger.adjust(Adjustment(call_id=key, nano_usd=-860, reason="the bill"), by="root")
    await ledger.adjust(Adjustment(call_id=key, nano_usd=40, reason="the bill"), by="root")
    [usage] = await ledger.usage(UsageQuery())
    assert (usage.nano_usd, usage.charged_nano_usd, usage.unknown_cost_calls) == (40, 40, 0)
    [budget] = await ledger.list_budgets()
    assert budget.spent_nano_usd == 40


async def test_a_correction_counts_in_a_budget_whose_period_has_changed_since(ledger: Ledger, clock: Clock) -> None:
    made = await ledger.put_budget(
        Budget(caller="alice", period=Period.DAY, limit_nano_usd=10_000, time_zone="UTC"), by="root"
    )
    key = await spend(ledger, clock.now, 300)
    await ledger.put_budget(replace(made, period=Period.TOTAL), by="root")
    await ledger.adjust(Adjustment(call_id=key, nano_usd=40, reason="the bill"), by="root")
    [budget] = await ledger.list_budgets()
    assert budget.spent_nano_usd == 340


async def test_calls_are_priced_afterwards_by_their_tokens(ledger: Ledger, clock: Clock) -> None:
    for number in range(45):
        await spend(ledger, clock.now + timedelta(milliseconds=number), None, bound=None)
    without = new_call(clock.now)
    await ledger.reserve(without)
    await ledger.settle(end_of(without, None, tokens=None))
    await spend(ledger, clock.now, None, "bob", bound=None)
    known = await spend(ledger, clock.now, 3)

    def cost(call: CallEntry) -> Cost:
        assert call.input_tokens == 10
        return Cost() if call.caller == "bob" else Cost(usd=Decimal("0.0000001"), price_source="by hand")

    done = await ledger.price_unknown(cost, query=CallQuery(), by="root")
    assert (done.priced, done.nano_usd, done.unknown) == (45, 4500, 2)
    [usage] = await ledger.usage(UsageQuery(caller="alice"))
    assert (usage.nano_usd, usage.unknown_cost_calls, usage.charged_nano_usd) == (4503, 1, 4503 + 1000)
    assert (await call_of(ledger, known)).nano_usd == 3
    page = await ledger.calls(CallQuery(is_cost_unknown=True))
    assert {call.caller for call in page.calls} == {"alice", "bob"}
    again = await ledger.price_unknown(cost, query=CallQuery(), by="root")
    assert (again.priced, again.unknown) == (0, 2)


async def test_an_absurd_count_does_not_prevent_the_costs_of_other_calls(ledger: Ledger, clock: Clock) -> None:
    absurd = await spend(ledger, clock.now, None, bound=None)
    await spend(ledger, clock.now, None, bound=None)
    done = await ledger.price_unknown(
        lambda call: Cost(usd=Decimal(10**10 if call.id == absurd else 1), price_source="by hand"),
        query=CallQuery(),
        by="root",
    )
    assert (done.priced, done.nano_usd, done.unknown) == (2, MOST_NANO_USD + 10**9, 0)


async def test_a_price_of_0_is_a_price(ledger: Ledger, clock: Clock) -> None:
    key = await spend(ledger, clock.now, None, bound=None)
    done = await ledger.price_unknown(
        lambda _: Cost(usd=Decimal(0), price_source="PRICES"), query=CallQuery(caller="alice"), by="root"
    )
    assert (done.priced, done.nano_usd, done.unknown) == (1, 0, 0)
    call = await call_of(ledger, key)
    assert (call.nano_usd, call.price_source) == (0, "PRICES")
