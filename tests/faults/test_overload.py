"""More calls than the limit: the surplus is refused, no call is cut off, and health checks are still answered."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from llm_relay.client.channel import SERVICE, Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import Overloaded, RelayError
from llm_relay.messages import Prompt
from tests.faults.conftest import FULL, RecordFault
from tests.support.programs import Program, running
from tests.support.resources import memory_kib

pytestmark = pytest.mark.anyio

MOST_CALLS = 50
CALLS = 12_000 if FULL else 2_000
CHANNELS = 12 if FULL else 4
STREAMS = 10_000 if FULL else 500
MOST_KIB_A_STREAM = 40
LIMIT_S = 300.0
SLOW = Prompt(message="Hi", model="mock-model?delay=1")
ENDLESS = Prompt(message="Hi", model="mock-model?fault=hang")
FAULT = "more calls than MAX_CONCURRENT_CALLS"


@pytest.fixture
async def server_b(tmp_path: Path) -> AsyncIterator[Program]:
    limits = {"MOCK_FAULTS": "true", "MAX_CONCURRENT_CALLS": str(MOST_CALLS)}
    async with running(tmp_path, "server_b", GRPC_PORT="0", **limits) as program:
        yield program


async def outcome(client: RelayClient, told: dict[str, float]) -> str:
    began = time.monotonic()
    try:
        await client.process(SLOW)
        end = "OK"
    except RelayError as error:
        end = error.reason if error.retry_after_s else f"{error.reason} without a time to retry"
    told[end] = max(told.get(end, 0), time.monotonic() - began)
    return end


async def test_a_burst_over_the_limit_is_overloaded_and_never_cancelled(
    server_b: Program, record_fault: RecordFault
) -> None:
    told: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(RelayClient(Dial(target=server_b.address), timeout_s=60))
            for _ in range(CHANNELS)
        ]
        for client in clients:
            await client.get_status()
        ends = Counter(await asyncio.gather(*(outcome(clients[n % CHANNELS], told) for n in range(CALLS))))
    for end, seconds in told.items():
        record_fault(fault=FAULT, door="grpc", outcome=end, seconds=seconds)
    assert ends.keys() == {"OK", "OVERLOADED"}, ends
    assert ends["OK"] >= MOST_CALLS


async def test_health_answers_while_no_call_is_accepted(server_b: Program) -> None:
    async with RelayClient(Dial(target=server_b.address), timeout_s=LIMIT_S) as client:
        held = [asyncio.create_task(client.process(ENDLESS)) for _ in range(MOST_CALLS + 1)]
        refused, busy = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
        assert [type(task.exception()) for task in refused] == [Overloaded]
        async with grpc.aio.insecure_channel(server_b.address) as channel, asyncio.timeout(LIMIT_S):
            check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
            answer = await check(health_pb2.HealthCheckRequest(service=SERVICE).SerializeToString())
            status = health_pb2.HealthCheckResponse.FromString(answer).status
            assert status == health_pb2.HealthCheckResponse.SERVING
            assert (await client.get_status()).server
        assert not any(task.done() for task in busy)
        for task in busy:
            task.cancel()
        await asyncio.wait(busy)


async def test_an_idle_stream_is_cheap_to_hold(tmp_path: Path, record_fault: RecordFault) -> None:
    limits = {"MOCK_FAULTS": "true", "MAX_CONCURRENT_CALLS": str(STREAMS), "TIMEOUT_SECONDS": "600"}
    async with (
        running(tmp_path, "server_b", GRPC_PORT="0", **limits) as server_b,
        RelayClient(Dial(target=server_b.address), timeout_s=600) as client,
    ):
        await client.process(Prompt(message="Hi"))
        before = memory_kib(server_b.process.pid)
        began = time.monotonic()
        idle = [
            client.stream_process(Prompt(message="Hi", model="mock-model?fault=hang_during")) for _ in range(STREAMS)
        ]
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(anext(events) for events in idle))
            with pytest.raises(Overloaded):
                await client.process(Prompt(message="Hi"))
            held = (memory_kib(server_b.process.pid) - before) / STREAMS
            fault = f"{STREAMS} idle streams, {held:.0f} KiB each"
            record_fault(fault=fault, door="grpc", outcome="held", seconds=time.monotonic() - began)
            assert held < MOST_KIB_A_STREAM
        await asyncio.gather(*(events.aclose() for events in idle))
        async with asyncio.timeout(LIMIT_S):  # a channel that is closed while thousands of calls end may lose some
            while (await client.get_status()).calls_processed < STREAMS:
                pass
