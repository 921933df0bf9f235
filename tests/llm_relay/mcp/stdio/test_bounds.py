"""Standard input is read no further ahead than there is room for, and a line has a limit."""

import asyncio
import os
from pathlib import Path

import pytest

from llm_relay.mcp.json_rpc import MAX_VALUES, max_request_bytes
from llm_relay.mcp.stdio.connection import MAX_UNANSWERED
from llm_relay.mcp.stdio.line_reader import READ_BYTES, LineReader, LineTooLong
from llm_relay.mcp.stdio.unanswered import UnansweredRequests
from tests.support.mcp_stdio import LIMIT_S, stdio_server
from tests.support.scripted import ENDING, OPENING, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1"
LARGE_CHARS = 45_000
MAX_MESSAGE_BYTES = 50_000
LARGE_CALLS = 2 * max_request_bytes(MAX_MESSAGE_BYTES) // LARGE_CHARS + 1


@pytest.mark.parametrize(
    ("calls", "chars"),
    [pytest.param(MAX_UNANSWERED, 1, id="by number"), pytest.param(LARGE_CALLS, LARGE_CHARS, id="by size")],
)
async def test_a_request_over_the_limit_waits_for_an_answer(tmp_path: Path, calls: int, chars: int) -> None:
    release = asyncio.Event()
    provider = ScriptedProvider([OPENING, release, ENDING])
    limit = str(MAX_MESSAGE_BYTES)
    async with (
        serving(provider) as server_b,
        stdio_server(tmp_path, "server_a", SERVER_B_TARGET=server_b.target, MAX_MESSAGE_BYTES=limit) as server,
    ):
        await server.initialize()
        for number in range(1, calls + 1):
            await server.call(number, "send_message", {"message": "x" * chars})
        await server.send("ping", {}, calls + 1)
        await provider.until_waiting(calls)
        before = len(server.messages)
        release.set()
        await server.answer(calls + 1)
        assert server.messages[before]["id"] != calls + 1


async def test_a_line_that_is_too_long_is_answered_and_skipped(tmp_path: Path) -> None:
    async with stdio_server(tmp_path, "server_a", SERVER_B_TARGET=NOWHERE, MAX_MESSAGE_BYTES="1024") as server:
        await server.initialize()
        await server.call(1, "send_message", {"message": "x" * max_request_bytes(1024)})
        refusal = (await server.answer(1))["result"]
        assert refusal["isError"]
        assert refusal["_meta"]["reason"] == "TOO_LARGE"
        assert "MAX_MESSAGE_BYTES" in refusal["content"][0]["text"]
        await server.send("ping", {"_meta": {"x": "x" * max_request_bytes(1024)}}, 2)
        assert "TOO_LARGE" in (await server.answer(2))["error"]["message"]
        await server.send("ping", {}, 3)
        assert (await server.answer(3))["result"] == {}


async def test_a_line_with_too_many_values_is_answered(tmp_path: Path) -> None:
    async with stdio_server(tmp_path, "server_a", SERVER_B_TARGET=NOWHERE) as server:
        await server.initialize()
        await server.call(1, "send_message", {f"k{number}": 0 for number in range(MAX_VALUES)})
        assert "values" in (await server.answer(None))["error"]["message"]


LONG = b"y" * READ_BYTES * 3


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\r\n\n  \nb", [b"a", b"b"]),
        (LONG[:200_000] + b"\nb\n", [LONG[:200_000], b"b"]),
        (LONG + b"y" * 10_000 + b"\nb", [None, b"b"]),
        (b"a\n" + LONG + b"y" * 10_000, [b"a", None]),
        (LONG * 3 + b"\n" + LONG * 3 + b"\nb\n", [None, None, b"b"]),
    ],
)
async def test_lines_of_any_length_are_separated(data: bytes, expected: list[bytes | None]) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    written = asyncio.create_task(asyncio.to_thread(write))
    lines = [line async for line in LineReader(reading, 200_000).lines()]
    await written
    os.close(reading)
    assert [None if isinstance(line, LineTooLong) else line for line in lines] == expected


async def test_of_a_line_that_is_too_long_both_ends_are_kept() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"start" + b"x" * 50_000 + b"end\n")
    (line,) = [line async for line in LineReader(reading, 1000).lines()]
    os.close(reading)
    assert isinstance(line, LineTooLong)
    assert (line.head[:5], line.tail[-3:]) == (b"start", b"end")
    assert len(line.head) + len(line.tail) < 6000


def fill(pipe: int) -> None:
    """Writes lines until the pipe is full."""
    while True:
        os.write(pipe, b"more\n")


async def test_nothing_is_read_ahead_of_a_line_that_is_not_consumed() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    lines = LineReader(reading, 1000).lines()
    os.write(writing, b"first\n")
    assert await anext(lines) == b"first"
    with pytest.raises(BlockingIOError):
        await asyncio.to_thread(fill, writing)
    os.close(writing)
    assert {line async for line in lines} == {b"more"}
    os.close(reading)


async def test_requests_are_counted_until_they_are_answered() -> None:
    requests = UnansweredRequests(max_count=2, max_bytes=100)
    requests.add(1, 10)
    requests.add("1", 10)
    waiting = asyncio.create_task(requests.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    requests.remove("unknown")
    requests.remove(1)
    async with asyncio.timeout(LIMIT_S):
        await waiting
    requests.add(2, 90)
    requests.remove("1")
    assert requests.count == 1
    waiting = asyncio.create_task(requests.wait_for_room())
    await asyncio.sleep(0)
    assert waiting.done()
