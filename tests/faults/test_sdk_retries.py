"""OpenAI's SDK times out and repeats its request by itself: the provider is paid once."""

import asyncio

import pytest
from openai import APITimeoutError, AsyncOpenAI

from server_b.providers.base import Text
from tests.faults.conftest import FULL
from tests.support.gateways import gateway
from tests.support.scripted import ENDING, OPENING, End, ScriptedProvider
from tests.support.serving import serving

pytestmark = [pytest.mark.anyio, pytest.mark.faults]


@pytest.mark.skipif(not FULL, reason="waits for the real timeouts of the SDK: only scripts/faults runs it")
async def test_an_sdk_that_times_out_and_retries_costs_one_provider_call() -> None:
    ready = asyncio.Event()
    provider = ScriptedProvider((ready, OPENING, Text("Hello"), ENDING))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as http,
        AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", timeout=1.5, max_retries=3) as client,
    ):
        asyncio.get_running_loop().call_later(3, ready.set)
        answer = await client.chat.completions.create(model="mock-model", messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content == "Hello"
    assert len(provider.tries) == 1


@pytest.mark.skipif(not FULL, reason="waits for the real timeouts of the SDK: only scripts/faults runs it")
async def test_a_user_who_stops_at_another_moment_stops_the_provider() -> None:
    provider = ScriptedProvider((OPENING, asyncio.Event()))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as http,
        AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", timeout=30, max_retries=0) as client,
    ):
        asking = asyncio.create_task(
            client.chat.completions.create(model="mock-model", messages=[{"role": "user", "content": "Hi"}])
        )
        await provider.until_waiting()
        asking.cancel()
        assert await provider.until_ended() is End.ABORTED
    with pytest.raises((asyncio.CancelledError, APITimeoutError)):
        await asking
