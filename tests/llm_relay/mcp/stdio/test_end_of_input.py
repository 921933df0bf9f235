"""Once standard input has ended, the requests that were read are answered, and then nothing more is written."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from llm_relay.mcp.stdio.background_writer import BackgroundWriter
from server_b.providers.base import Text
from tests.support.mcp_http import INITIALIZE, request
from tests.support.mcp_stdio import MODERN_META, StdioServer, lines, piped, stdio_server
from tests.support.scripted import ENDING, OPENING, End, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

SAY_HI = {"name": "send_message", "arguments": {"message": "Hi"}}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


LEGACY = lines(INITIALIZE, INITIALIZED, request(1, "tools/list"), request(2, "tools/call", SAY_HI))
MODERN = lines(
    request(1, "tools/list", {"_meta": MODERN_META}),
    request(2, "tools/call", {**SAY_HI, "_meta": MODERN_META}),
)


@pytest.mark.parametrize(
    ("data", "numbers"),
    [
        pytest.param(LEGACY, {0, 1, 2}, id="legacy"),
        pytest.param(MODERN, {1, 2}, id="modern"),
        pytest.param(LEGACY.rstrip("\n"), {0, 1, 2}, id="no end of the last line"),
        pytest.param(LEGACY.replace("\n", "\r\n"), {0, 1, 2}, id="CRLF"),
        pytest.param("\ufeff" + LEGACY, {0, 1, 2}, id="byte order mark"),
        pytest.param("", set(), id="nothing"),
        pytest.param("\n \n", set(), id="blank lines"),
    ],
)
async def test_piped_requests_are_answered(tmp_path: Path, data: str, numbers: set[int]) -> None:
    async with serving(ScriptedProvider()) as server_b:
        messages, log, code = await piped(tmp_path, data, SERVER_B_TARGET=server_b.target)
    assert {message["id"] for message in messages} == numbers
    assert len(messages) == len(numbers)
    assert all("result" in message for message in messages)
    if 2 in numbers:
        answer = next(message for message in messages if message["id"] == 2)
        assert answer["result"]["structuredContent"]["aiResponse"] == "Hello"
    assert (code, "Traceback" in log) == (0, False)


async def test_every_one_of_many_calls_is_answered(tmp_path: Path) -> None:
    calls = [request(number, "tools/call", SAY_HI) for number in range(1, 101)]
    async with serving(ScriptedProvider()) as server_b:
        messages, _, _ = await piped(tmp_path, lines(INITIALIZE, *calls), SERVER_B_TARGET=server_b.target)
    assert sorted(message["id"] for message in messages) == list(range(101))


async def close_stdin(server: StdioServer) -> None:
    assert server.process.stdin is not None
    server.process.stdin.close()
    await server.process.stdin.wait_closed()


@pytest.mark.parametrize("signalled", [False, True])
async def test_a_call_that_does_not_end_is_aborted_without_an_answer(tmp_path: Path, signalled: bool) -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    async with (
        serving(provider) as server_b,
        stdio_server(tmp_path, "server_a", SERVER_B_TARGET=server_b.target) as server,
    ):
        await server.initialize()
        await server.call(1, "send_message_stream", {"message": "Hi"}, progressToken="p")
        while (await server.read() or {}).get("method") != "notifications/progress":
            pass
        before = len(server.messages)
        await close_stdin(server)
        assert await (server.stop(signal.SIGTERM) if signalled else server.close_stdin()) == 0
        assert await provider.until_ended() is End.ABORTED
        assert server.messages[before:] == []


async def test_after_the_end_of_input_only_the_answer_is_written(tmp_path: Path) -> None:
    release = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("Hel"), release, Text("lo"), ENDING])
    async with (
        serving(provider) as server_b,
        stdio_server(tmp_path, "server_a", SERVER_B_TARGET=server_b.target) as server,
    ):
        await server.initialize()
        await server.call(1, "send_message_stream", {"message": "Hi"}, progressToken="p")
        while (await server.read() or {}).get("method") != "notifications/progress":
            pass
        before = len(server.messages)
        await close_stdin(server)
        release.set()
        assert await server.close_stdin() == 0
        assert [message.get("id") for message in server.messages[before:]] == [1]


async def test_a_closed_output_is_noticed() -> None:
    reading, writing = os.pipe()
    writer = BackgroundWriter(writing)
    assert writer.has_reader()
    os.close(reading)
    assert not writer.has_reader()
    os.close(writing)


async def test_a_file_counts_as_an_open_output(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        assert BackgroundWriter(file.fileno()).has_reader()
