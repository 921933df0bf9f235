"""An older copy of the file that is restored while a server runs replaces the whole policy."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from llm_relay.messages.accounts import Budget, CallerAccount, Period, Price
from server_b.ledger.open_ledger import open_ledger
from tests.server_b.ledger.ledger_calls import spend
from tests.support.money import NOON

pytestmark = pytest.mark.anyio


def copy(source: Path, target: Path) -> None:
    """Replaces the contents of a database, which may be open, by those of another."""
    with contextlib.closing(sqlite3.connect(source)) as one, contextlib.closing(sqlite3.connect(target)) as other:
        one.backup(other)


async def test_nothing_of_the_newer_policy_is_left(tmp_path: Path) -> None:
    ledger = await open_ledger("sqlite:///relay.db", folder=tmp_path)
    budget = Budget(caller="alice", period=Period.TOTAL, limit_nano_usd=1000)
    await ledger.put_caller(CallerAccount(name="alice", is_disabled=True), by="root")
    kept_token = await ledger.create_token("alice", label="", expires_at=None, by="root")
    kept_budget = await ledger.put_budget(budget, by="root")
    kept_price = await ledger.put_price(Price(pattern="openai/a", input=1, output=1), by="root")
    before = ledger.policy
    copy(tmp_path / "relay.db", tmp_path / "copy.db")

    await ledger.put_caller(CallerAccount(name="alice"), by="root")
    await ledger.put_caller(CallerAccount(name="bob"), by="root")
    await ledger.revoke_token(kept_token.info.id, by="root")
    await ledger.create_token("bob", label="", expires_at=None, by="root")
    await ledger.delete_budget(kept_budget.id, by="root")
    await ledger.put_budget(Budget(caller="bob", period=Period.TOTAL, limit_nano_usd=0), by="root")
    await ledger.delete_price(kept_price.id, by="root")
    await ledger.put_price(Price(pattern="openai/b", input=1, output=1), by="root")
    assert ledger.policy != before

    copy(tmp_path / "copy.db", tmp_path / "relay.db")
    await ledger.refresh()
    assert ledger.policy == before
    await spend(ledger, NOON, 300)
    await spend(ledger, NOON, 300, "bob")
    [shown] = await ledger.list_budgets()
    assert shown.spent_nano_usd == 300
    await ledger.aclose(grace_s=5)
