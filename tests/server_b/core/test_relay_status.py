"""The status shows how the provider's last call went."""

import asyncio
from typing import Any

import pytest

from llm_relay.errors import DeadlineExceeded, ProviderAuth, RelayError, UnknownModel
from llm_relay.messages import State
from server_b.core.limits import Limits
from server_b.providers.base import Text
from tests.support.relayed import streamed, whole
from tests.support.scripted import HELLO, OPENING, PATIENCE_S, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


async def test_the_status_follows_the_providers_last_call() -> None:
    relay = create_relay(ScriptedProvider([ProviderAuth()], [UnknownModel()], HELLO))
    assert (relay.status().state, relay.status().provider_state) == (State.HEALTHY, State.UNSPECIFIED)
    for expected_error in ("PROVIDER_AUTH", "PROVIDER_AUTH"):
        with pytest.raises(RelayError):
            await whole(relay)
        assert (relay.status().state, relay.status().provider_error) == (State.DEGRADED, expected_error)
    await whole(relay)
    assert (relay.status().state, relay.status().provider_state) == (State.HEALTHY, State.HEALTHY)
    assert relay.status().provider_error == ""
    assert relay.status().calls_processed == 3


async def test_a_draining_server_is_degraded() -> None:
    relay = create_relay(ScriptedProvider())
    relay.drain()
    assert relay.status().state is State.DEGRADED


@pytest.mark.parametrize("way", [whole, streamed])
async def test_a_provider_that_hangs_until_the_deadline_is_degraded(way: Any) -> None:
    relay = create_relay(ScriptedProvider([asyncio.Event()], HELLO), limits=Limits(timeout_s=0.05))
    with pytest.raises(DeadlineExceeded):
        await way(relay)
    assert (relay.status().state, relay.status().provider_error) == (State.DEGRADED, "DEADLINE_EXCEEDED")
    await way(relay)
    assert relay.status().provider_state is State.HEALTHY


async def test_a_deadline_during_the_answer_is_not_the_providers_fault() -> None:
    relay = create_relay(ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()]), limits=Limits(timeout_s=0.05))
    with pytest.raises(DeadlineExceeded):
        await streamed(relay)
    assert relay.status().state is State.HEALTHY


async def test_a_caller_who_leaves_is_not_the_providers_fault() -> None:
    relay = create_relay(provider := ScriptedProvider([asyncio.Event()]))
    asking = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    asking.cancel()
    assert await relay.wait_idle(PATIENCE_S)
    assert relay.status().state is State.HEALTHY
