"""A change that runs again, because the confirmation of its commit was lost, has the same outcome as one run."""

from datetime import timedelta
from decimal import Decimal

import pytest

from llm_relay.messages import Cost
from llm_relay.messages.accounts import Adjustment, Budget, CallerAccount, CallQuery, Period, Price
from server_b.ledger.accounts.stored_accounts import StoredAccounts
from server_b.ledger.base import Ledger
from server_b.ledger.transactions import Store, T, Work
from tests.server_b.ledger.ledger_calls import Clock, spend

pytestmark = pytest.mark.anyio


class DeafStore:
    """A store that loses the confirmation of each first commit, and so runs each transaction again."""

    def __init__(self, store: Store) -> None:
        self.location = store.location
        self._store = store

    async def write(self, work: Work[T], *, is_long: bool = False, is_durable: bool = True) -> T:
        await self._store.write(work, is_long=is_long, is_durable=is_durable)
        return await self._store.write(work, is_long=is_long, is_durable=is_durable)

    async def peek(self, work: Work[T]) -> T:
        return await self._store.peek(work)

    async def read(self, work: Work[T]) -> T:
        return await self._store.read(work)

    async def aclose(self) -> None:
        """Leaves the store open."""


async def test_every_change_run_twice_counts_once(store: Store, ledger: Ledger, clock: Clock) -> None:
    accounts = StoredAccounts(DeafStore(store), clock)
    await accounts.put_caller(CallerAccount(name="alice"), by="root")
    made = await accounts.create_token("alice", label="", expires_at=None, by="root")
    successor = await accounts.rotate_token(made.info.id, overlap_s=0, by="root")
    assert (await accounts.revoke_token(successor.info.id, by="root")).revoked_at is not None
    budget = await accounts.put_budget(Budget(caller="alice", period=Period.DAY, limit_nano_usd=10**9), by="root")
    assert (await accounts.raise_budget(budget.id, 5, until=None, by="root")).raised_by_nano_usd == 5
    price = await accounts.put_price(Price(pattern="openai/*", input=1, output=2), by="root")
    await accounts.delete_price(price.id, by="root")
    await ledger.refresh()
    key = await spend(ledger, clock.now, 5)
    unknown = await spend(ledger, clock.now + timedelta(seconds=1), None)
    adjusted = await accounts.adjust(Adjustment(call_id=key, nano_usd=7, reason="x"), by="root")
    repriced = await accounts.price_unknown(lambda _: Cost(usd=Decimal("0.000000030")), query=CallQuery(), by="root")
    assert (adjusted.nano_usd, repriced.priced, repriced.nano_usd) == (12, 1, 30)
    assert [one.spent_nano_usd for one in await accounts.list_budgets()] == [42]
    await accounts.delete_budget(budget.id, by="root")
    assert await accounts.list_budgets() == []
    actions = sorted(entry.action for entry in await accounts.list_audit())
    assert actions == [
        *("budget.delete", "budget.put", "budget.put", "call.adjust", "call.adjust", "caller.put"),
        *("price.delete", "price.put", "token.create", "token.revoke", "token.rotate"),
    ]
    assert {call.id for call in (await ledger.calls(CallQuery())).calls} == {key, unknown}
