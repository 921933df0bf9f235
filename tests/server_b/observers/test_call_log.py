"""One line per call: who, what, how it ended, how long it took, what it cost."""

import asyncio
import json
import logging
from typing import Any

import pytest

from llm_relay.errors import PermissionDenied, ProviderAuth, ProviderRateLimited, ProviderUnavailable, Unauthenticated
from llm_relay.messages import FinishReason, Prompt
from llm_relay.messages.accounts import Budget, Period, UsageQuery
from server_b.providers.base import Ending, Opening, Text
from tests.support.logged import logged_facts
from tests.support.memory_ledger import MemoryLedger
from tests.support.prices import FlatPrices
from tests.support.relayed import whole
from tests.support.scripted import HELLO, USAGE, ScriptedProvider, Step
from tests.support.serving import create_relay, serving

pytestmark = pytest.mark.anyio


async def logged(caplog: pytest.LogCaptureFixture, provider: ScriptedProvider) -> tuple[str, dict[str, Any]]:
    """Makes one call; returns the level and the facts of its log line."""
    caplog.set_level(logging.INFO, logger="relay.calls")
    relay = create_relay(provider, prices={"scripted": FlatPrices("0.0000012")})
    try:
        await relay.process(Prompt(message="Hi", request_id="id-1"), caller="alice", protocol="mcp")
    except ProviderAuth:
        assert relay.status().provider_error == "PROVIDER_AUTH"
    await relay.aclose()
    (facts,) = logged_facts(caplog, "relay.calls")
    return caplog.records[-1].levelname, facts


async def test_a_successful_call_is_an_info_line_with_all_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    level, facts = await logged(caplog, ScriptedProvider(HELLO))
    assert level == "INFO"
    times = {name: facts.pop(name) for name in ("queue_s", "first_token_s", "total_s")}
    assert 0 <= times["queue_s"] <= times["first_token_s"] <= times["total_s"]
    assert facts == {
        "request_id": "id-1",
        "caller": "alice",
        "protocol": "mcp",
        "rpc": "Process",
        "provider": "scripted",
        "model": "scripted-model",
        "outcome": "stop",
        "attempts": 1,
        "input_tokens": 5,
        "output_tokens": 3,
        "accuracy": "exact",
        "usd": "0.0000012",
    }
    json.dumps(facts)


async def test_joins_and_replays_have_their_own_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="relay.calls")
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([gate, *HELLO]))
    asking = [asyncio.create_task(whole(relay)) for _ in range(2)]
    await provider.until_waiting()
    gate.set()
    await asyncio.gather(*asking)
    await whole(relay)
    await relay.aclose()
    lines = logged_facts(caplog, "relay.calls")
    assert sorted(line["outcome"] for line in lines) == ["joined", "replayed", "stop"]
    assert {line["request_id"] for line in lines} == {"id-1"}
    assert len(provider.tries) == 1


async def test_no_field_is_longer_than_its_limit(caplog: pytest.LogCaptureFixture) -> None:
    megabyte = "m" * 2**20
    script: list[Step] = [Opening(megabyte), Text("Hi"), Ending(FinishReason.STOP, USAGE, service_tier=megabyte)]
    _, facts = await logged(caplog, ScriptedProvider(script))
    assert facts["model"].startswith("mmm")
    assert len(json.dumps(facts)) < 2_000


async def test_the_operator_sees_the_cause_and_the_caller_does_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="relay.calls")
    cause = "no connection to 10.0.0.1:443: connection refused"
    error = ProviderUnavailable(may_have_worked=False, repeat_helps=False, operator_detail=cause)
    with pytest.raises(ProviderUnavailable) as failed:
        await whole(create_relay(ScriptedProvider([error])))
    assert cause not in failed.value.message
    (facts,) = logged_facts(caplog, "relay.calls")
    assert facts["cause"] == cause


async def test_attempts_before_the_last_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    provider = ScriptedProvider([ProviderRateLimited(retry_after_s=0)], HELLO)
    _, facts = await logged(caplog, provider)
    assert (facts["attempts"], facts["tried"]) == (2, "scripted:PROVIDER_RATE_LIMITED")


async def test_a_failed_call_is_a_warning_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    level, facts = await logged(caplog, ScriptedProvider([ProviderAuth()]))
    assert level == "WARNING"
    assert (facts["outcome"], facts["first_token_s"]) == ("PROVIDER_AUTH", None)


async def test_a_refused_request_names_its_caller_if_the_token_is_known(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(ledger=MemoryLedger(), tokens="gw:gw-secret,ann:ann-secret", delegates=("gw",)) as server:
        async with server.accounts("ann-secret") as ann:
            with pytest.raises(PermissionDenied):
                await ann.put_budget(Budget(caller="ann", period=Period.DAY, limit_nano_usd=1))
        async with server.accounts("gw-secret") as gateway:
            with pytest.raises(PermissionDenied):
                await gateway.usage(UsageQuery(caller="ann"), on_behalf_of="bob")
        async with server.client(token="wrong") as stranger:
            with pytest.raises(Unauthenticated):
                await stranger.list_models()
    lines = [(line["caller"], line["outcome"]) for line in logged_facts(caplog, "relay.calls")]
    assert lines == [("ann", "PERMISSION_DENIED"), ("gw/bob", "PERMISSION_DENIED"), (None, "UNAUTHENTICATED")]
