"""Callers who read more slowly than they ask for text: they use little memory, are dropped, and block nobody else."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.messages import Delta, Prompt
from tests.faults.conftest import FULL, RecordFault
from tests.support.endless import EndlessProvider, endless_provider
from tests.support.greedy_http import Reader, at_mcp_http, at_mcp_sse, at_the_gateway, readers
from tests.support.programs import Program, running
from tests.support.resources import memory_kib
from tests.support.wire import wire

pytestmark = pytest.mark.anyio

READERS = 100 if FULL else 20
FEW = 3
MOST_KIB_A_READER = 8192
SEND_BUFFER_BYTES = 16 * 1024
MOST_WORDS_A_READER = 5_000
"""Of four characters each. Most are in the buffers of connections, as events or as text."""
STALL_S = 1.0
LONG_STALL_S = 5.0
"""Long enough for a provider that is not slowed down to write much more."""
PATIENCE_S = 60.0
FAULT = "a reader stops reading"


@pytest.fixture
async def endless() -> AsyncIterator[EndlessProvider]:
    async with endless_provider() as provider:
        yield provider


@pytest.fixture
async def server_b(tmp_path: Path, endless: EndlessProvider) -> AsyncIterator[Program]:
    openai = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "any", "OPENAI_BASE_URL": endless.url}
    async with running(tmp_path, "server_b", GRPC_PORT="0", STALL_SECONDS=str(STALL_S), **openai) as program:
        yield program


async def test_a_grpc_reader_that_stops_uses_little_memory_and_is_dropped_with_its_provider_call(
    server_b: Program, endless: EndlessProvider, record_fault: RecordFault
) -> None:
    before = memory_kib(server_b.process.pid)
    async with wire(server_b.address, http2__bdp_probe=0) as client:
        began = time.monotonic()
        calls = [client.stream(pb.StreamProcessRequest(message="Hi"), timeout_s=60) for _ in range(READERS)]
        await endless.until(lambda it: it.served == READERS and it.open == 0, PATIENCE_S)
        record_fault(fault=FAULT, door="grpc", outcome="dropped", seconds=time.monotonic() - began)
        assert memory_kib(server_b.process.pid) - before < READERS * MOST_KIB_A_READER
        assert not any(call.done() for call in calls), "some did read"


async def test_a_provider_writes_little_for_a_reader_that_stops(tmp_path: Path, record_fault: RecordFault) -> None:
    async with endless_provider(word_chars=4, send_buffer_bytes=SEND_BUFFER_BYTES) as endless:
        openai = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "any", "OPENAI_BASE_URL": endless.url}
        async with (
            running(tmp_path, "server_b", GRPC_PORT="0", STALL_SECONDS=str(LONG_STALL_S), **openai) as server_b,
            RelayClient(Dial(target=server_b.address)) as client,
        ):
            calls = [client.stream_process(Prompt(message="Hi")) for _ in range(FEW)]
            began = time.monotonic()
            for events in calls:
                await anext(events)
            await endless.until(lambda it: it.served == FEW and it.open == 0, PATIENCE_S)
            record_fault(fault=FAULT, door="grpc", outcome="dropped", seconds=time.monotonic() - began)
            assert endless.most_words < MOST_WORDS_A_READER
            for events in calls:
                await events.aclose()


async def test_a_reader_that_stops_does_not_block_others_on_its_channel(server_b: Program) -> None:
    async with RelayClient(Dial(target=server_b.address)) as client:
        stopped = [client.stream_process(Prompt(message="Hi")) for _ in range(READERS)]
        for events in stopped:
            await anext(events)
        async with asyncio.timeout(PATIENCE_S):
            taken = 0
            async for event in client.stream_process(Prompt(message="Hi")):
                taken += len(event.text) if isinstance(event, Delta) else 0
                if taken > 10_000_000:
                    break
        assert taken > 10_000_000
        for events in stopped:
            await events.aclose()


@pytest.mark.parametrize(
    ("door", "program", "ask"),
    [
        ("http", ("gateway",), at_the_gateway),
        ("mcp-http", ("server_a", "http"), at_mcp_http),
        ("mcp-sse", ("server_a", "sse"), at_mcp_sse),
    ],
)
async def test_an_http_reader_that_stops_uses_little_memory_and_is_dropped_with_its_provider_call(
    tmp_path: Path,
    endless: EndlessProvider,
    record_fault: RecordFault,
    door: str,
    program: tuple[str, ...],
    ask: Reader,
) -> None:
    openai = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "any", "OPENAI_BASE_URL": endless.url}
    listening = {"HTTP_PORT": "0", "MCP_PORT_A": "0", "STALL_SECONDS": str(STALL_S)}
    async with (
        # Server B waits long, so that the door is the one to notice.
        running(tmp_path, "server_b", GRPC_PORT="0", STALL_SECONDS="600", **openai) as server_b,
        running(tmp_path, *program, SERVER_B_TARGET=server_b.address, **listening) as front,
    ):
        pids = (server_b.process.pid, front.process.pid)
        before = [memory_kib(pid) for pid in pids]
        began = time.monotonic()
        async with readers(ask, front.port, READERS):
            await endless.until(lambda it: it.served == READERS and it.open == 0, PATIENCE_S)
            record_fault(fault=FAULT, door=door, outcome="dropped", seconds=time.monotonic() - began)
            grown = [memory_kib(pid) - earlier for pid, earlier in zip(pids, before, strict=True)]
        assert max(grown) < READERS * MOST_KIB_A_READER, grown
