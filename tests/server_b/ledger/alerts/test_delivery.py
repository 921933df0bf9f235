"""Thresholds that calls and admins pass are sent to a receiver once each, whatever happens to it and to servers."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_relay.errors import BudgetExceeded
from llm_relay.messages.accounts import Budget, Period
from server_b.ledger.alerts import outbox
from server_b.ledger.alerts.webhook import TIMEOUT_S, Webhook
from server_b.ledger.base import Ledger
from server_b.ledger.open_ledger import open_ledger
from server_b.ledger.transactions import Store
from tests.server_b.ledger.alerts.receiving import Receiver, receiving
from tests.server_b.ledger.ledger_calls import spend
from tests.support.money import select, wait_for_rows

pytestmark = pytest.mark.anyio

ALICE = Budget(caller="alice", period=Period.MONTH, limit_nano_usd=1000, time_zone="UTC")


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def server(url: str, folder: Path, receiver: Receiver) -> AsyncIterator[Ledger]:
    webhook = Webhook(receiver.url, secret="s", allow_private=True)
    opened = await open_ledger(url, folder=folder, alert_receiver=webhook)
    try:
        yield opened
    finally:
        await opened.aclose(grace_s=5)


def delivered(receiver: Receiver) -> list[tuple[int, int]]:
    said = [json.loads(body) for _, _, body in receiver.got]
    return [(each["threshold_percent"], each["spent_nano_usd"]) for each in said]


async def all_sent(store: Store) -> None:
    await wait_for_rows(store, [(0,)], "COUNT(*)", "alerts", "sent_at IS NULL")


def test_a_server_can_deliver_what_it_claims_before_another_takes_it_over() -> None:
    assert outbox.AT_ONCE * TIMEOUT_S < outbox.CLAIM_S


async def test_each_threshold_is_sent_once_by_one_of_several_servers(
    ledger_url: str, tmp_path: Path, store: Store
) -> None:
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving())
        servers = [await stack.enter_async_context(server(ledger_url, tmp_path, receiver)) for _ in range(3)]
        await servers[0].put_budget(ALICE, by="root")
        for index in range(9):
            await spend(servers[index % 3], now(), 100, bound=100)
        await receiver.wait_for(2)
        await all_sent(store)
        assert delivered(receiver) == [(50, 500), (80, 800)]
        with pytest.raises(BudgetExceeded):
            await spend(servers[0], now(), 101, bound=101)
        await spend(servers[0], now(), 100, bound=100)
        await receiver.wait_for(3)
        await all_sent(store)
        assert delivered(receiver)[2:] == [(100, 1000)]


async def let_next_try_be_due(store: Store, *, after: int) -> None:
    """Waits until the receiver's refusal with the status `after` is noted, and lets the pause after it pass."""
    await wait_for_rows(store, [(1,)], "COUNT(*)", "alerts", f"last_error LIKE '%{after}%' AND try_at > now_us()")
    await store.write(lambda transaction: transaction.execute("UPDATE alerts SET try_at = now_us()"))


async def test_a_failed_delivery_is_retried(ledger_url: str, tmp_path: Path, store: Store) -> None:
    async with receiving() as receiver, server(ledger_url, tmp_path, receiver) as ledger:
        receiver.statuses = [500, 302, 200]
        await ledger.put_budget(ALICE, by="root")
        await spend(ledger, now(), 500)
        for status in (500, 302):
            await let_next_try_be_due(store, after=status)
        await receiver.wait_for(3)
        await all_sent(store)
        assert delivered(receiver) == [(50, 500)] * 3
        assert len({json.loads(body)["id"] for _, _, body in receiver.got}) == 1
        assert {path for path, _, _ in receiver.got} == {"/hook"}


async def test_an_alert_that_was_refused_for_a_day_is_dropped_and_logged(
    ledger_url: str, tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving() as receiver, server(ledger_url, tmp_path, receiver) as ledger:
        receiver.statuses = [500]
        await ledger.put_budget(ALICE, by="root")
        await spend(ledger, now(), 500)
        await wait_for_rows(store, [(1,)], "COUNT(*)", "alerts", "last_error <> '' AND try_at > now_us()")
        day_us = outbox.GIVE_UP_AFTER_S * 1_000_000
        await store.write(
            lambda transaction: transaction.execute(
                f"UPDATE alerts SET made_at = made_at - {day_us}, try_at = now_us()"
            )
        )
        await all_sent(store)
        assert len(receiver.got) == 2
    (line,) = [message for message in caplog.messages if "is dropped" in message]
    assert line == (
        "ALERT_WEBHOOK_URL: the alert for 50 % of caller:alice was not accepted for a day and is dropped:"
        " HTTP status 500"
    )


async def test_an_alert_that_no_server_sent_is_sent_after_a_start(
    ledger_url: str, tmp_path: Path, store: Store
) -> None:
    async with receiving() as receiver:
        gone = Receiver(url="http://127.0.0.1:9/")
        async with server(ledger_url, tmp_path, gone) as ledger:
            await ledger.put_budget(ALICE, by="root")
            await spend(ledger, now(), 800, bound=800)
        async with server(ledger_url, tmp_path, receiver):
            await receiver.wait_for(2)
            await all_sent(store)
        assert delivered(receiver) == [(50, 800), (80, 800)]


async def test_thresholds_that_a_change_passes_are_sent(ledger_url: str, tmp_path: Path, store: Store) -> None:
    """A new budget that was half spent before, and a limit that is lowered; after a raise, nothing is sent twice."""
    async with receiving() as receiver, server(ledger_url, tmp_path, receiver) as ledger:
        await spend(ledger, now(), 600)
        await ledger.put_budget(ALICE, by="root")
        await receiver.wait_for(1)
        await ledger.put_budget(replace(ALICE, limit_nano_usd=700), by="root")
        await receiver.wait_for(2)
        await ledger.put_budget(ALICE, by="root")
        await ledger.put_budget(replace(ALICE, limit_nano_usd=700), by="root")
        await all_sent(store)
        assert delivered(receiver) == [(50, 600), (80, 600)]


async def test_a_budget_that_allows_nothing_passes_no_threshold(ledger: Ledger, store: Store) -> None:
    await ledger.put_budget(replace(ALICE, limit_nano_usd=0), by="root")
    with pytest.raises(BudgetExceeded):
        await spend(ledger, now(), 1)
    assert await select(store, "COUNT(*)", "alerts") == [(0,)]


async def test_without_a_receiver_the_alert_is_logged(
    ledger_url: str, tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ledger = await open_ledger(ledger_url, folder=tmp_path)
    try:
        await ledger.put_budget(replace(ALICE, is_warning_only=True), by="root")
        await spend(ledger, now(), 1000)
        await all_sent(store)
    finally:
        await ledger.aclose(grace_s=5)
    said = [record.getMessage() for record in caplog.records if "Budget of caller:alice" in record.getMessage()]
    assert len(said) == 3
    assert said[2].endswith("100 % or more. This budget only warns: calls continue.")
