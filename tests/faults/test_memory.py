"""Callers who make Server B hold more and more text: it refuses the rest, and recovers by itself."""

import asyncio
import time
from pathlib import Path

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import Overloaded
from llm_relay.messages import Prompt
from tests.faults.conftest import RecordFault
from tests.support.programs import running

pytestmark = pytest.mark.anyio

FAULT = "80 calls of 4 MB that hang"
LARGE = Prompt(message="x" * 4_100_000, model="mock-model?fault=hang")


async def test_calls_that_would_hold_too_much_text_are_overloaded_until_others_end(
    tmp_path: Path, record_fault: RecordFault
) -> None:
    async with (
        running(tmp_path, "server_b", GRPC_PORT="0", MOCK_FAULTS="true") as server_b,
        RelayClient(Dial(target=server_b.address)) as client,
        asyncio.timeout(60),
    ):
        calls = [asyncio.create_task(client.process(LARGE)) for _ in range(80)]
        began = time.monotonic()
        done, held = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        record_fault(
            fault=FAULT, door="grpc", outcome="OVERLOADED beyond 256 Mi characters", seconds=time.monotonic() - began
        )
        assert all(isinstance(call.exception(), Overloaded) for call in done)
        assert len(held) >= 60

        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        answer = await client.process(Prompt(message="Hi"))
        assert "You said: 'Hi'." in answer.text
        assert server_b.process.returncode is None
