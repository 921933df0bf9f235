"""Alerts over HTTP, to a receiver on a socket."""

import asyncio
import dataclasses
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest

from server_b.ledger.alerts.alert import Alert, DeliveryFailed
from server_b.ledger.alerts.webhook import Webhook
from tests.server_b.ledger.alerts.receiving import receiving

pytestmark = pytest.mark.anyio

SECRET = "whsec_test"
ALERT = Alert(
    id="7",
    budget_id="bud_1",
    scope="tag:project=<!channel>",
    period="month",
    time_zone="Europe/Berlin",
    threshold_percent=80,
    limit_nano_usd=100_000_000_000,
    spent_nano_usd=81_500_000_000,
    starts_at=datetime(2026, 10, 31, 23, tzinfo=UTC),
    resets_at=datetime(2026, 11, 30, 23, tzinfo=UTC),
    is_warning_only=False,
    at=datetime(2026, 11, 26, 12, tzinfo=UTC),
)


def test_an_alert_about_less_than_a_dollar_shows_every_digit() -> None:
    small = dataclasses.replace(ALERT, spent_nano_usd=15_000_000, limit_nano_usd=20_000_000)
    assert ": $0.015 of $0.02 spent" in small.text


async def test_an_alert_is_posted_with_text_for_slack_and_the_facts() -> None:
    async with receiving() as receiver:
        await Webhook(receiver.url, secret=SECRET, allow_private=True).post(ALERT)
    [(path, headers, body)] = receiver.got
    assert path == "/hook"
    assert headers["Content-Type"] == "application/json"
    said = json.loads(body)
    assert said["text"].startswith("Budget of tag:project=&lt;!channel&gt;: $81.50 of $100.00 spent this month")
    assert said["scope"] == "tag:project=<!channel>"
    assert (said["threshold_percent"], said["spent_nano_usd"]) == (80, 81_500_000_000)
    assert said["resets_at"] == "2026-11-30T23:00:00Z"


async def test_the_signature_covers_the_time_and_the_body() -> None:
    async with receiving() as receiver:
        await Webhook(receiver.url, secret=SECRET, allow_private=True).post(ALERT)
    [(_, headers, body)] = receiver.got
    at, v1 = (part.partition("=")[2] for part in headers["Relay-Signature"].split(","))
    assert abs(int(at) - time.time()) < 60
    assert v1 == hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("status", [302, 307, 404, 500])
async def test_another_status_is_a_failure_and_no_redirect_is_followed(status: int) -> None:
    async with receiving() as receiver:
        receiver.statuses = [status]
        with pytest.raises(DeliveryFailed, match=f"HTTP status {status}"):
            await Webhook(receiver.url, secret=SECRET, allow_private=True).post(ALERT)
    assert [path for path, _, _ in receiver.got] == ["/hook"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "127.1"])
async def test_a_private_address_is_not_dialled_under_any_name(host: str) -> None:
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        with pytest.raises(DeliveryFailed, match=r"address is private|cannot be resolved|not a URL"):
            await Webhook(url, secret=SECRET, allow_private=False).post(ALERT)
    assert receiver.got == []


async def test_an_unreachable_receiver_is_a_failure() -> None:
    async with receiving() as receiver:
        pass
    with pytest.raises(DeliveryFailed, match="connection failed"):
        await Webhook(receiver.url, secret=SECRET, allow_private=True).post(ALERT)


async def test_a_silent_receiver_is_given_up() -> None:
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(DeliveryFailed, match="no response within"):
        await Webhook(f"http://127.0.0.1:{port}/", secret=SECRET, allow_private=True, timeout_s=0.2).post(ALERT)
    for writer in held:
        writer.close()
    server.close()
