"""One line a call: who, what, how it ended, how long it took, what it cost."""

import json
import logging
from typing import Any

import pytest

from llm_relay.errors import ProviderAuth
from llm_relay.messages import Prompt
from tests.support.logged import logged_facts
from tests.support.prices import FlatPrices
from tests.support.scripted import HELLO, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


async def logged(caplog: pytest.LogCaptureFixture, provider: ScriptedProvider) -> tuple[str, dict[str, Any]]:
    """Asks once and returns what was logged of it: the level and the facts."""
    caplog.set_level(logging.INFO, logger="relay.calls")
    relay = create_relay(provider, prices={"scripted": FlatPrices("0.0000012")})
    try:
        await relay.process(Prompt(message="Hi", request_id="id-1"), caller="alice", protocol="mcp")
    except ProviderAuth:
        assert relay.status().provider_error == "PROVIDER_AUTH"
    await relay.aclose()
    (facts,) = logged_facts(caplog, "relay.calls")
    return caplog.records[-1].levelname, facts


async def test_a_call_that_went_well_is_an_info_line_with_all_of_it(caplog: pytest.LogCaptureFixture) -> None:
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


async def test_a_call_that_failed_is_a_warning_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    level, facts = await logged(caplog, ScriptedProvider([ProviderAuth()]))
    assert level == "WARNING"
    assert (facts["outcome"], facts["first_token_s"]) == ("PROVIDER_AUTH", None)
