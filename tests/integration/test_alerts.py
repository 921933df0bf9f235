"""Alerts of a running relay: its settings, a call that passes a threshold, and a receiver on a socket."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from llm_relay.messages import Prompt
from llm_relay.messages.accounts import Budget, Period, Price
from tests.server_b.ledger.alerts.receiving import receiving
from tests.support.relay_serve import Served, served

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET = "whsec_alerts"


async def pass_a_threshold(it: Served) -> None:
    async with it.accounts() as admin, it.client() as client:
        await admin.put_price(Price(pattern="mock/*", input=10**9, output=10**9))
        await admin.put_budget(
            Budget(caller="anonymous", period=Period.DAY, limit_nano_usd=1, is_warning_only=True, time_zone="UTC")
        )
        await client.process(Prompt(message="hello"))


async def test_a_receiver_gets_an_alert_and_can_verify_its_sender(tmp_path: Path) -> None:
    async with receiving() as receiver:
        settings = {
            "LEDGER": f"sqlite:///{tmp_path}/relay.db",
            "ALERT_WEBHOOK_URL": receiver.url,
            "ALERT_WEBHOOK_SECRET": SECRET,
            "ALERT_THRESHOLDS": "90",
            "ALERT_ALLOW_PRIVATE": "true",
        }
        async with served(tmp_path, **settings) as it:
            await pass_a_threshold(it)
            await receiver.wait_for(1)
    [(_, headers, body)] = receiver.got
    at, given = (part.partition("=")[2] for part in headers["Relay-Signature"].split(","))
    assert given == hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    said = json.loads(body)
    assert (said["scope"], said["threshold_percent"], said["is_warning_only"]) == ("caller:anonymous", 90, True)


async def test_a_private_address_gets_no_alert_unless_that_is_allowed(tmp_path: Path) -> None:
    async with receiving() as receiver:
        settings = {
            "LEDGER": f"sqlite:///{tmp_path}/relay.db",
            "ALERT_WEBHOOK_URL": receiver.url,
            "ALERT_WEBHOOK_SECRET": SECRET,
        }
        async with served(tmp_path, **settings) as it:
            await pass_a_threshold(it)
            await it.program.told("(set ALERT_ALLOW_PRIVATE=true)")
    assert receiver.got == []
