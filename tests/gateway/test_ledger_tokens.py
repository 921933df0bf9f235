"""Tokens of Server B's ledger at the gateway: Server B checks them before the gateway reads a body."""

from __future__ import annotations

from typing import Any

import pytest

from llm_relay.messages.accounts import CallerAccount
from tests.support.gateways import application_at, gateway, socket_to
from tests.support.memory_ledger import MemoryLedger
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

CHAT = {"model": "mock-model", "messages": [{"role": "user", "content": "Hi"}]}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/process", {"message": "Hi"}),
    ("/stream", {"message": "Hi"}),
    ("/cancel/r1", {}),
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", {**CHAT, "stream": True}),
    ("/v1/responses", {"model": "mock-model", "input": "Hi"}),
]


async def token_of(ledger: MemoryLedger, caller: str) -> dict[str, str]:
    """Creates a token in the ledger; returns the header that presents it."""
    made = await ledger.create_token(caller, label="", expires_at=None, by="root")
    return {"Authorization": f"Bearer {made.secret}"}


@pytest.mark.parametrize("relay_tokens", ["", "bob:bob-secret"], ids=["without RELAY_TOKENS", "with RELAY_TOKENS"])
@pytest.mark.parametrize(("path", "body"), CALLS, ids=[f"{path}-{place}" for place, (path, _) in enumerate(CALLS)])
async def test_a_token_of_the_ledger_is_accepted_until_it_is_revoked(
    path: str, body: dict[str, Any], relay_tokens: str
) -> None:
    ledger = MemoryLedger()
    async with (
        serving(ledger=ledger, tokens="gw:gw-secret", delegates=("gw",)) as server_b,
        gateway(server_b.target, relay_tokens=relay_tokens, relay_token="gw-secret") as client,
    ):
        alice = await token_of(ledger, "alice")
        assert (await client.post(path, json=body, headers=alice)).status_code == 200
        await ledger.revoke_token("t1", by="root")
        refused = await client.post(path, json=body, headers=alice)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_a_body_is_not_waited_for_until_server_b_has_accepted_the_token() -> None:
    head = b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
    async with serving(ledger=MemoryLedger()) as server_b, gateway(server_b.target) as client, socket_to(client) as raw:
        await raw.send(head + b"Authorization: Bearer rly_wrong\r\n\r\n")
        assert (await raw.reply()).status == 401


async def test_a_gateway_without_its_own_token_passes_on_server_bs_demand_for_one() -> None:
    ledger = MemoryLedger()
    async with serving(ledger=ledger) as server_b, gateway(server_b.target) as client:
        assert (await client.post("/process", json={"message": "Hi"})).status_code == 200
        alice = await token_of(ledger, "alice")
        for path, body in CALLS:
            assert (await client.post(path, json=body)).status_code == 401, path
        assert (await client.get("/models")).status_code == 401
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "healthy")
        assert (await client.get("/models", headers=alice)).status_code == 200


@pytest.mark.parametrize(("path", "body"), CALLS, ids=[f"{path}-{place}" for place, (path, _) in enumerate(CALLS)])
async def test_the_operator_of_a_gateway_without_its_own_token_is_told_once_what_to_set(
    path: str, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    ledger = MemoryLedger()
    alice = await token_of(ledger, "alice")
    async with serving(ledger=ledger, tokens="gw:gw-secret") as server_b, gateway(server_b.target) as client:
        assert (await client.post(path, json=body, headers=alice)).status_code == 200
        assert (await client.post(path, json=body, headers={"Authorization": "Bearer rly_wrong"})).status_code == 401
        assert hints(caplog) == []
        for _ in range(2):
            refused = await client.post(path, json=body)
            assert refused.status_code == 401
            assert "RELAY_TOKEN" not in refused.text
    (hint,) = hints(caplog)
    assert hint.startswith(f"Server B at {server_b.target} refuses callers without a token, and RELAY_TOKEN is not set")


def hints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "RELAY_TOKEN" in record.getMessage()]


async def test_a_disabled_caller_of_relay_tokens_is_refused_through_the_gateway() -> None:
    ledger = MemoryLedger()
    async with (
        serving(ledger=ledger, tokens="gw:gw-secret", delegates=("gw",)) as server_b,
        gateway(server_b.target, relay_tokens="bob:bob-secret", relay_token="gw-secret") as client,
    ):
        bob = {"Authorization": "Bearer bob-secret"}
        assert (await client.post("/process", json={"message": "Hi"}, headers=bob)).status_code == 200
        await ledger.put_caller(CallerAccount(name="bob", is_disabled=True), by="root")
        assert (await client.post("/process", json={"message": "Hi"}, headers=bob)).status_code == 401


async def test_server_b_unreachable_or_without_a_ledger_accepts_no_token() -> None:
    wrong = {"Authorization": "Bearer rly_wrong"}
    async with gateway() as client:
        away = await client.post("/process", json={"message": "Hi"}, headers=wrong)
    assert (away.status_code, away.json()["reason"]) == (503, "SERVER_B_UNAVAILABLE")
    async with serving() as server_b, gateway(server_b.target) as client:
        off = await client.post("/process", json={"message": "Hi"}, headers=wrong)
    assert (off.status_code, off.json()["reason"]) == (401, "UNAUTHENTICATED")


async def test_beyond_loopback_a_token_of_the_ledger_counts_as_a_token() -> None:
    ledger = MemoryLedger()
    alice = await token_of(ledger, "alice")
    async with serving(ledger=ledger) as server_b:
        async with application_at("https://192.0.2.1:8000", server_b.target) as client:
            assert (await client.get("/nowhere", headers=alice)).status_code == 404
            assert (await client.get("/nowhere", headers={"Authorization": "Bearer rly_wrong"})).status_code == 401
            assert (await client.get("/nowhere")).status_code == 403
        async with application_at("http://192.0.2.1:8000", server_b.target) as client:
            assert (await client.get("/nowhere", headers=alice)).status_code == 403
