"""SIGTERM during fifty streams: all of them end well, and new calls are refused at once."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from generated.relay.v1 import relay_pb2, relay_pb2_grpc
from llm_relay.client.channel import SERVICE
from llm_relay.errors import RelayError
from llm_relay.wire.errors import error_from_call
from tests.faults.conftest import FULL, RecordFault
from tests.support.doors import Addresses, Door, open_door
from tests.support.far_side import HANGS, LIMIT_S, create_provider, server_b
from tests.support.programs import Program, running
from tests.support.refusal import Refusal
from tests.support.serving import late_events

pytestmark = pytest.mark.anyio

STREAMS = 50
VISIBLE_S = 0.1
"""How soon a stop must be visible. Only scripts/faults measures it."""
PACED = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0.1", "DRAIN_SECONDS": "20"}
FAULT = f"SIGTERM with {STREAMS} streams under way"


async def stream(door: Door, begun: asyncio.Event) -> str:
    """Reads a stream to its end; returns the text."""
    seen: list[str] = []

    def on_text(text: str) -> None:
        seen.append(text)
        begun.set()

    finish = await door.stream(on_text, message="Hi")
    assert finish["finishReason"] == "stop"
    return "".join(seen)


@contextlib.asynccontextmanager
async def streaming(door: Door) -> AsyncIterator["asyncio.Future[list[str]]"]:
    """Yields a future of the texts of many streams, once each stream has begun."""
    await door.whole(message="Hi")  # an MCP client lists the tools after its first answer: not during the drain
    begun = [asyncio.Event() for _ in range(STREAMS)]
    texts = asyncio.gather(*(stream(door, event) for event in begun))
    try:
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(event.wait() for event in begun))
        yield texts
    finally:
        texts.cancel()
        await asyncio.gather(texts, return_exceptions=True)


async def end_well(
    texts: "asyncio.Future[list[str]]", stopping: asyncio.Task[int], door: str, record_fault: RecordFault
) -> None:
    """Waits for the streams and the program; all of them must end well."""
    struck_at = time.monotonic()
    told = await texts
    record_fault(fault=FAULT, door=door, outcome=f"{len(told)} whole answers", seconds=time.monotonic() - struck_at)
    assert all(text.endswith("streaming test response.") for text in told)
    assert await stopping == 0


def see(told_after_s: float, door: str, what: str, record_fault: RecordFault) -> None:
    """Records how soon the stop was visible."""
    record_fault(fault="SIGTERM: not ready", door=door, outcome=what, seconds=told_after_s)
    assert not FULL or told_after_s < VISIBLE_S


async def until_not_serving(address: str, watching: asyncio.Event) -> float:
    """Watches Server B's health; returns the time when it reports NOT_SERVING."""
    async with grpc.aio.insecure_channel(address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        async for response in health.Watch(health_pb2.HealthCheckRequest(service=SERVICE)):
            if response.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                return time.monotonic()
            watching.set()
    raise AssertionError("the health watch ended without NOT_SERVING")


async def refusal(stub: "relay_pb2_grpc.RelayServiceAsyncStub") -> RelayError:
    """Calls Server B until it refuses; returns the error."""
    while True:
        try:
            await stub.Process(relay_pb2.ProcessRequest(message="Hi", model="mock-model?delay=0"), timeout=LIMIT_S)
        except grpc.aio.AioRpcError as error:
            return error_from_call(error)


async def test_server_b_drains(tmp_path: Path, record_fault: RecordFault) -> None:
    async with (
        running(tmp_path, "server_b", GRPC_PORT="0", MOCK_FAULTS="true", **PACED) as program,
        open_door("grpc", Addresses(program.address, "", "", "", tmp_path)) as door,
        grpc.aio.insecure_channel(program.address) as channel,
        streaming(door) as texts,
    ):
        watching = asyncio.Event()
        not_serving = asyncio.create_task(until_not_serving(program.address, watching))
        await watching.wait()
        struck_at = time.monotonic()
        stopping = asyncio.create_task(program.stop(within_s=LIMIT_S))
        refused = await refusal(relay_pb2_grpc.RelayServiceStub(channel))
        see(time.monotonic() - struck_at, "Server B, a new call", refused.reason, record_fault)
        assert refused.reason == "DRAINING"
        see(await not_serving - struck_at, "Server B, its health", "NOT_SERVING", record_fault)
        await end_well(texts, stopping, "Server B", record_fault)
    await late_events()


async def until_refused(program: Program) -> None:
    """Connects until the connection is refused."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", program.port)
        except ConnectionError:
            return
        writer.close()


PROGRAMS = {
    "http": ("gateway", (), "HTTP_PORT"),
    "mcp-http-legacy": ("server_a", ("http",), "MCP_PORT_A"),
    "mcp-http-modern": ("server_a", ("http",), "MCP_PORT_A"),
    "mcp-sse-legacy": ("server_a", ("sse",), "MCP_PORT_A"),
}


@pytest.mark.parametrize("name", PROGRAMS if FULL else ["http", "mcp-http-modern"])
async def test_http_programs_drain(name: str, tmp_path: Path, record_fault: RecordFault) -> None:
    program_name, arguments, port = PROGRAMS[name]
    async with (
        running(tmp_path, "server_b", GRPC_PORT="0", **PACED) as far,
        running(tmp_path, program_name, *arguments, SERVER_B_TARGET=far.address, **{port: "0"}, **PACED) as program,
        open_door(name, Addresses("", program.address, program.address, program.address, tmp_path)) as door,
        streaming(door) as texts,
    ):
        struck_at = time.monotonic()
        stopping = asyncio.create_task(program.stop(within_s=LIMIT_S))
        await until_refused(program)
        see(time.monotonic() - struck_at, name, "connection refused", record_fault)
        await end_well(texts, stopping, name, record_fault)


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_second_signal_ends_the_calls_of_server_a_at_once(transport: str, tmp_path: Path) -> None:
    patient = {"MCP_PORT_A": "0", "DRAIN_SECONDS": "3600"}
    async with (
        create_provider() as provider,
        server_b(tmp_path, provider, 0) as far,
        running(tmp_path, "server_a", transport, SERVER_B_TARGET=far.address, **patient) as program,
        open_door(f"mcp-{transport}-legacy", Addresses("", "", program.address, program.address, tmp_path)) as door,
    ):
        await door.whole(message="Hi")
        await provider.next_request(LIMIT_S)
        call = asyncio.create_task(door.whole(message="Hi", model=HANGS))
        await provider.next_request(LIMIT_S)
        program.process.send_signal(signal.SIGTERM)
        await until_refused(program)
        stopping = asyncio.create_task(program.stop())
        with pytest.raises(Refusal, match="DRAINING"):
            await call
        assert await stopping == 0
