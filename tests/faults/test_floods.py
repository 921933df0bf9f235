"""Connections that flood Server B with HTTP/2 frames: other clients' calls are still answered."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.messages import Prompt
from tests.faults.conftest import FULL, RecordFault
from tests.support.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD_BYTES,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame,
    headers,
)
from tests.support.programs import Program, running

pytestmark = pytest.mark.anyio

FLOODERS = 2
FRAMES = 300_000 if FULL else 20_000
AT_ONCE = 100
FLOOD_LIMIT_S = 60.0
PATIENCE_S = 60.0
LAST_PING = b"the last"
CANCEL = (8).to_bytes(4, "big")
PROMPT = b"\0\0\0\0\4\n\2Hi"
BLOCK = headers("/relay.v1.RelayService/StreamProcess")


def call(number: int) -> bytes:
    stream = 2 * number + 1
    return frame(HEADERS, END_HEADERS, stream, BLOCK) + frame(DATA, END_STREAM, stream, PROMPT)


def resets(number: int) -> bytes:
    """A call that is reset as soon as it begins."""
    return call(number) + frame(RST_STREAM, 0, 2 * number + 1, CANCEL)


def pings(_: int) -> bytes:
    return frame(PING, 0, 0, b"12345678")


@pytest.fixture
async def server_b(tmp_path: Path) -> AsyncIterator[Program]:
    at_once = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}
    async with running(tmp_path, "server_b", GRPC_PORT="0", **at_once) as program:
        yield program


async def flood(port: int, kind: object) -> bool:
    """Sends FRAMES frames, then a ping; returns whether the server closed or sent GOAWAY and stopped replying.

    gRPC's core closes such a connection once its own replies are written. If a flood keeps it writing, the connection
    may stay open and unread until the client leaves.
    """
    assert callable(kind)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answering = asyncio.create_task(answer_server(reader, writer))
    try:
        writer.write(PREFACE + frame(SETTINGS, 0, 0))
        async with asyncio.timeout(FLOOD_LIMIT_S):
            for start in range(0, FRAMES, AT_ONCE):
                writer.write(b"".join(kind(number) for number in range(start, start + AT_ONCE)))
                await writer.drain()
                await asyncio.sleep(0)  # the other clients' calls run on this loop too
        writer.write(frame(PING, 0, 0, LAST_PING))
        async with asyncio.timeout(FLOOD_LIMIT_S):
            return await asyncio.shield(answering)
    except ConnectionError:
        return True
    finally:
        answering.cancel()
        writer.transport.abort()


async def answer_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Acknowledges what HTTP/2 requires; returns whether the server gave up on the connection.

    True if it closed the connection or sent GOAWAY, False if it acknowledged the last ping.
    """
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readexactly(FRAME_HEAD_BYTES)
            data = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == GOAWAY or data == LAST_PING:
                return head[3] == GOAWAY
            if head[3] in (SETTINGS, PING) and not head[4] & ACK:
                writer.write(frame(head[3], ACK, 0, data if head[3] == PING else b""))
    return True


@pytest.mark.parametrize(
    ("kind", "is_cut_off"),
    [
        pytest.param(pings, True, id="pings"),
        # gRPC does not limit resets per connection: it refuses those streams, which costs little.
        pytest.param(resets, False, id="resets"),
    ],
)
async def test_a_flood_does_not_starve_other_clients(
    server_b: Program, record_fault: RecordFault, request: pytest.FixtureRequest, kind: object, *, is_cut_off: bool
) -> None:
    worst_s = 0.0
    async with RelayClient(Dial(target=server_b.address), timeout_s=PATIENCE_S) as client:
        await client.process(Prompt(message="Hi"))
        floods = [asyncio.create_task(flood(server_b.port, kind)) for _ in range(FLOODERS)]
        while not all(task.done() for task in floods):
            began = time.monotonic()
            assert "Hi" in (await client.process(Prompt(message="Hi"))).text
            worst_s = max(worst_s, time.monotonic() - began)
        assert [task.result() for task in floods] == [is_cut_off] * FLOODERS
    record_fault(fault=f"a flood of {request.node.callspec.id}", door="grpc", outcome="answers", seconds=worst_s)
