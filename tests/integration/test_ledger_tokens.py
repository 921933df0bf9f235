"""One person, one account: a token that is created at run time, over every interface of a running `relay serve`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llm_relay.errors import PermissionDenied, Unauthenticated
from llm_relay.messages import Prompt
from llm_relay.messages.accounts import Budget, CallerAccount, Dimension, Period, Price, RateLimits, UsageQuery
from tests.support.mcp_http import ACCEPT, INITIALIZE
from tests.support.relay_serve import LIMIT_S, Served, served

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Served]:
    """A relay with a new ledger."""
    async with served(tmp_path, LEDGER=f"sqlite:///{tmp_path}/relay.db") as serving:
        yield serving


async def _over_grpc(it: Served, token: str) -> bool:
    async with it.client(token) as client:
        try:
            await client.process(Prompt(message="over gRPC"))
        except Unauthenticated:
            return False
    return True


async def _status(it: Served, path: str, token: str, body: dict[str, Any]) -> bool:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=LIMIT_S) as http:
        answer = await http.post(f"{it.http_url}{path}", json=body)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def _over_http(it: Served, token: str) -> bool:
    return await _status(it, "/process", token, {"message": "over HTTP"})


async def _over_openai(it: Served, token: str) -> bool:
    body = {"model": "mock-model", "messages": [{"role": "user", "content": "over /v1"}]}
    return await _status(it, "/v1/chat/completions", token, body)


async def _over_mcp(it: Served, token: str) -> bool:
    headers = {**ACCEPT, **({"Authorization": f"Bearer {token}"} if token else {})}
    async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=LIMIT_S) as http:
        if (await http.post(it.mcp_url, json=INITIALIZE)).status_code == 401:
            return False
    return "over MCP" in await it.over_mcp(token)


WAYS: dict[str, Callable[[Served, str], Awaitable[bool]]] = {
    "grpc": _over_grpc,
    "http": _over_http,
    "openai": _over_openai,
    "mcp": _over_mcp,
}


async def _accepted(it: Served, token: str) -> dict[str, bool]:
    return {name: await way(it, token) for name, way in WAYS.items()}


async def _until_accepted(it: Served, token: str, expected: bool) -> None:
    """Calls over every interface until all of them accept a token, or all refuse it."""
    async with asyncio.timeout(LIMIT_S):
        while await _accepted(it, token) != dict.fromkeys(WAYS, expected):
            pass


async def test_one_token_over_every_interface_until_it_is_revoked(it: Served) -> None:
    async with it.accounts() as anonymous:
        root = await anonymous.create_token("root", is_admin=True)
    async with it.accounts(root.secret) as admin:
        made = await admin.create_token("alice")
        await admin.put_price(Price(pattern="mock/*", input=0, output=10**9))
        budget = await admin.put_budget(Budget(caller="alice", period=Period.DAY, limit_nano_usd=10**12))
        assert await _accepted(it, made.secret) == dict.fromkeys(WAYS, True)
        assert await _accepted(it, "") == dict.fromkeys(WAYS, False)
        assert await _accepted(it, "rly_nobody") == dict.fromkeys(WAYS, False)

        groups = await admin.usage(UsageQuery(by=(Dimension.CALLER, Dimension.PROTOCOL)))
        assert [(dict(group.group), group.calls) for group in groups] == [
            ({"caller": "alice", "protocol": name}, 1) for name in sorted(WAYS)
        ]
        (spent,) = await admin.budgets("alice")
        assert spent.id == budget.id
        assert spent.spent_nano_usd == sum(group.nano_usd for group in groups) > 0

        await admin.revoke_token(made.info.id)
        await _until_accepted(it, made.secret, False)
        assert await _accepted(it, root.secret) == dict.fromkeys(WAYS, True)


async def test_a_disabled_caller_is_refused_over_every_interface(it: Served) -> None:
    async with it.accounts() as anonymous:
        root = await anonymous.create_token("root", is_admin=True)
    async with it.accounts(root.secret) as admin:
        alice = await admin.create_token("alice")
        await admin.put_caller(CallerAccount(name="alice", is_disabled=True))
        await _until_accepted(it, alice.secret, False)
        await admin.put_caller(CallerAccount(name="alice"))
        await _until_accepted(it, alice.secret, True)


async def test_usage_over_http_is_a_callers_own_and_for_admins_everyones(it: Served) -> None:
    async with it.accounts() as anonymous:
        with pytest.raises(PermissionDenied):
            await anonymous.create_token("alice")
        root = await anonymous.create_token("root", is_admin=True)
    async with it.accounts(root.secret) as admin:
        alice, bob = [await admin.create_token(name) for name in ("alice", "bob")]
    for token in (alice.secret, bob.secret, bob.secret):
        assert await _over_http(it, token)

    async with httpx2.AsyncClient(base_url=it.http_url, trust_env=False, timeout=LIMIT_S) as http:

        async def get(path: str, token: str, **headers: str) -> httpx2.Response:
            return await http.get(path, headers={"Authorization": f"Bearer {token}", **headers})

        assert (await get("/usage", alice.secret)).json()["usage"][0]["calls"] == 1
        everybody = (await get("/usage?by=caller", root.secret)).json()["usage"]
        assert [(one["caller"], one["calls"]) for one in everybody] == [("alice", 1), ("bob", 2)]
        assert (await get("/usage?caller=bob", alice.secret)).status_code == 403
        table = await get("/usage?by=caller", root.secret, Accept="text/csv")
        assert table.headers["content-type"] == "text/csv; charset=utf-8"
        assert table.text.splitlines()[1].startswith("alice,1,0,")
        assert [one["caller"] for one in (await get("/calls", bob.secret)).json()["calls"]] == ["bob", "bob"]
        lines = (await get("/calls?format=csv&limit=1", root.secret)).text.splitlines()
        assert len(lines) == 2
        me = (await get("/usage/me", alice.secret)).json()
        assert (me["name"], me["is_admin"]) == ("alice", False)
        assert (await http.get("/usage")).status_code == 401
        for bad in ("/usage?by=moon", "/usage?time_zone=Mars", "/calls?limit=0", "/calls?colour=red", "/usage?since=x"):
            assert (await get(bad, root.secret)).status_code == 422, bad


async def test_tags_arrive_by_header_too(it: Served) -> None:
    async with httpx2.AsyncClient(base_url=it.http_url, trust_env=False, timeout=LIMIT_S) as http:
        headers = {"X-Relay-Tags": "project=search, team=a"}
        body = {"message": "Hi", "tags": {"team": "b"}}
        assert (await http.post("/process", json=body, headers=headers)).status_code == 200
        chat = {"model": "mock-model", "messages": [{"role": "user", "content": "Hi"}]}
        assert (await http.post("/v1/chat/completions", json=chat, headers=headers)).status_code == 200
        bad = await http.post("/process", json=body, headers={"X-Relay-Tags": "search"})
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "X-Relay-Tags")
        calls = (await http.get("/calls?tag=project%3Dsearch")).json()["calls"]
    assert [call["tags"] for call in calls] == [
        {"project": "search", "team": "a"},
        {"project": "search", "team": "b"},
    ]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_openais_clients_see_what_is_left_of_their_rate_limits(it: Served, stream: bool) -> None:
    async with it.accounts() as anonymous:
        root = await anonymous.create_token("root", is_admin=True)
    async with it.accounts(root.secret) as admin:
        alice = await admin.create_token("alice")
        rates = RateLimits(calls_per_minute=2, tokens_per_minute=100_000)
        await admin.put_caller(CallerAccount(name="alice", rates=rates))
    chat = {"model": "mock-model", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    headers = {"Authorization": f"Bearer {alice.secret}"}
    async with httpx2.AsyncClient(base_url=it.http_url, trust_env=False, timeout=LIMIT_S, headers=headers) as http:
        answers = [await http.post("/v1/chat/completions", json=chat) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers.get("x-ratelimit-limit-requests") for answer in answers] == ["2"] * 3, answers[0].headers
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
    resets_s = [float(answer.headers["x-ratelimit-reset-requests"].removesuffix("s")) for answer in answers]
    assert 0 < resets_s[0] <= 30 < resets_s[1] <= 60
    remaining = [int(answer.headers["x-ratelimit-remaining-tokens"]) for answer in answers]
    assert all(0 < left <= 100_000 for left in remaining)
    assert answers[2].headers["retry-after"]
