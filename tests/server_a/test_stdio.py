"""Server A over standard input and output, as a client starts it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator

import pytest

from server_b.providers.base import Text
from tests.server_a.conftest import OpenBehind
from tests.support.logged import without_time
from tests.support.mcp_stdio import MODERN_META, STOP_LIMIT_S, StdioServer, stdio_server
from tests.support.scripted import ENDING, OPENING, End

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1"
HANG = asyncio.Event
PROMPT = "a secret prompt"


async def test_stdout_has_only_the_protocol_and_stderr_the_start(behind: OpenBehind) -> None:
    async with behind() as b, stdio_server(b.folder, "server_a", SERVER_B_TARGET=b.target) as server:
        opened = await server.initialize()
        assert opened["result"]["serverInfo"]["name"] == "Server A"
        assert set(opened["result"]["capabilities"]) == {"tools"}
        await server.call(1, "send_message", {"message": "Hi"})
        answer = await server.answer(1)
        assert answer["result"]["content"] == [{"type": "text", "text": "Hello"}]
        assert await server.close_stdin() == 0
        assert all(message["jsonrpc"] == "2.0" for message in server.messages)
    assert [without_time(line) for line in server.log] == ["INFO relay Starting Server A (MCP) with STDIO transport"]


async def test_a_modern_client_needs_no_handshake(behind: OpenBehind) -> None:
    async with behind() as b, stdio_server(b.folder, "server_a", "stdio", SERVER_B_TARGET=b.target) as server:
        await server.call(1, "send_message", {"message": "Hi"}, **MODERN_META)
        assert (await server.answer(1))["result"]["structuredContent"]["aiResponse"] == "Hello"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("tool", ["send_message", "send_message_stream"])
async def test_a_signal_during_a_call_ends_it_well(behind: OpenBehind, number: signal.Signals, tool: str) -> None:
    async with (
        behind(OPENING, Text("Hel"), HANG()) as b,
        stdio_server(b.folder, "server_a", SERVER_B_TARGET=b.target) as server,
    ):
        await server.initialize()
        await server.call(1, tool, {"message": PROMPT}, progressToken="p")
        await b.provider.until_waiting()
        assert await server.stop(number) == 0
        assert await b.provider.until_ended() is End.ABORTED
        last = server.messages[-1]
        assert (last["id"], last["result"]["_meta"]["reason"]) == (1, "DRAINING")
    assert not any(PROMPT in line or "Traceback" in line for line in server.log)


async def test_a_signal_ends_it_though_its_client_reads_nothing(behind: OpenBehind) -> None:
    unread, stdout = os.pipe()
    async with (
        behind(OPENING, Text("more than a pipe holds " * 10_000), ENDING) as b,
        stdio_server(b.folder, "server_a", stdout=stdout, SERVER_B_TARGET=b.target) as server,
    ):
        for number in (1, 2):
            await server.call(number, "send_message", {"message": "Hi"}, **MODERN_META)
            await b.provider.until_ended(number)
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_LIMIT_S):
            assert await server.process.wait() == 0
    os.close(unread)
    os.close(stdout)


async def test_the_end_of_its_input_ends_it_and_its_calls(behind: OpenBehind) -> None:
    async with behind(HANG()) as b, stdio_server(b.folder, "server_a", SERVER_B_TARGET=b.target) as server:
        await server.initialize()
        await server.call(1, "send_message", {"message": "Hi"})
        await b.provider.until_waiting()
        assert await server.close_stdin() == 0
        assert await b.provider.until_ended() is End.ABORTED


@pytest.mark.parametrize("tool", ["send_message", "send_message_stream"])
async def test_a_cancelled_call_is_aborted_and_not_answered_and_others_go_on(behind: OpenBehind, tool: str) -> None:
    release = asyncio.Event()
    async with (
        behind(OPENING, Text("Hel"), release, Text("lo"), ENDING) as b,
        stdio_server(b.folder, "server_a", SERVER_B_TARGET=b.target) as server,
    ):
        await server.initialize()
        for number in (1, 2):
            await server.call(number, tool, {"message": "Hi"})
            await b.provider.until_waiting(number)
        await server.send("notifications/cancelled", {"requestId": 1})
        assert await b.provider.until_ended(1) is End.ABORTED
        release.set()
        assert (await server.answer(2))["result"]["content"][0]["text"] == "Hello"
        assert [message["id"] for message in server.messages] == [0, 2]


@pytest.fixture(scope="module")
async def opened(behind: OpenBehind) -> AsyncIterator[StdioServer]:
    """A server that several tests talk to; its provider must never be called."""
    async with behind() as b, stdio_server(b.folder, "server_a", SERVER_B_TARGET=b.target) as server:
        await server.initialize()
        yield server
        assert not b.provider.tries


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ('{"message": "a secret prompt", "temperature": NaN}', "temperature"),
        ('{"message": "a secret prompt", "temperature": 1e400}', "temperature"),
        ('{"message": "a secret prompt", "temperature": "0.5"}', "temperature"),
        ('{"message": "a secret prompt", "max_tokens": true}', "max_tokens"),
        ('{"message": "a secret prompt", "max_tokens": 1.5}', "max_tokens"),
        ('{"message": ["a secret prompt"]}', "message"),
        ('{"message": "a secret prompt \\ud83d"}', "message"),
        ('{"message": "a secret prompt \\u0000"}', "message"),
        ('{"context": "a secret prompt"}', "message"),
        ('{"message": "a secret prompt", "history": [{"role": "tool", "text": "x"}]}', "history[0].role"),
        ('{"message": "a secret prompt", "history": "a secret prompt"}', "history"),
        ('{"message": "a secret prompt", "request_id": "a secret prompt"}', "request_id"),
        ('{"message": "a secret prompt", "prompt": "a secret prompt"}', "prompt"),
        ('{"message": "a secret prompt", "message": "a secret prompt"}', "message"),
        ('{"message": "a secret prompt", "history": [{"role": "user", "text": "x", "role": "user"}]}', "role"),
    ],
)
async def test_a_bad_argument_is_named_and_not_repeated(opened: StdioServer, arguments: str, field: str) -> None:
    head = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "send_message", "arguments": '
    await opened.write(head + arguments + "}}")
    result = (await opened.answer(1))["result"]
    assert result["isError"]
    assert result["_meta"]["reason"] == "INVALID_REQUEST"
    assert result["_meta"]["violations"][0]["field"] == field
    assert f"{field}: " in result["content"][0]["text"]
    assert PROMPT not in json.dumps(result)
    assert not any(PROMPT in line for line in opened.log)


@pytest.mark.parametrize("line", ["no JSON", '{"jsonrpc": "2.0"', "[" * 100_000, '{"id": 1}', "[]"])
async def test_an_invalid_line_is_answered_and_survived(opened: StdioServer, line: str) -> None:
    await opened.write(line)
    assert (await opened.answer(None))["error"]["code"] == -32700
    await opened.send("ping", {}, 1)
    assert (await opened.answer(1))["result"] == {}


@pytest.mark.parametrize(
    ("line", "number", "name"),
    [
        ('{"jsonrpc": "2.0", "id": 7, "method": "ping", "method": "tools/list"}', 7, "method"),
        ('{"jsonrpc": "2.0", "id": 7, "id": 8, "method": "ping"}', 8, "id"),
        ('{"jsonrpc": "2.0", "method": "ping", "method": "ping"}', None, "method"),
    ],
)
async def test_a_duplicate_member_of_a_message_is_refused(
    opened: StdioServer, line: str, number: int | None, name: str
) -> None:
    await opened.write(line)
    error = (await opened.answer(number))["error"]
    assert error == {"code": -32600, "message": f"Invalid Request: given twice in one object: {name}"}


async def test_half_of_a_surrogate_pair_in_a_message_is_survived(opened: StdioServer) -> None:
    await opened.write('{"jsonrpc": "2.0", "id": "\\ud83d", "method": "ping"}')
    assert (await opened.answer("\ud83d"))["result"] == {}
    await opened.send("ping", {}, 1)
    assert (await opened.answer(1))["result"] == {}


async def test_an_unknown_tool_is_a_protocol_error(opened: StdioServer) -> None:
    await opened.call(1, "no_such_tool", {})
    assert (await opened.answer(1))["error"] == {"code": -32602, "message": "Unknown tool: 'no_such_tool'"}


async def test_a_tool_without_arguments_takes_none(opened: StdioServer) -> None:
    await opened.call(1, "list_available_models", {"provider": "openai"})
    result = (await opened.answer(1))["result"]
    assert result["_meta"]["violations"] == [
        {"field": "provider", "description": "is not a known field; this tool takes none"}
    ]


async def test_without_server_b_the_tools_name_the_target_and_what_to_start(behind: OpenBehind) -> None:
    async with behind() as b, stdio_server(b.folder, "server_a", SERVER_B_TARGET=NOWHERE) as server:
        await server.initialize()
        for number, tool in enumerate(("send_message", "send_message_stream"), start=1):
            await server.call(number, tool, {"message": "Hi", "request_id": "r-1"})
        for number, tool in enumerate(("list_available_models", "get_server_b_config"), start=3):
            await server.call(number, tool, {})
        for number in range(1, 5):
            result = (await server.answer(number))["result"]
            assert result["_meta"]["reason"] == "SERVER_B_UNAVAILABLE"
            assert NOWHERE in result["content"][0]["text"]
            assert "python -m server_b" in result["content"][0]["text"]
            assert result["_meta"].get("requestId") == ("r-1" if number <= 2 else None)


async def test_the_health_check_answers_though_server_b_is_unreachable(behind: OpenBehind) -> None:
    async with behind() as b, stdio_server(b.folder, "server_a", SERVER_B_TARGET=NOWHERE) as server:
        await server.initialize()
        await server.call(1, "check_server_b_health", {})
        result = (await server.answer(1))["result"]
        assert not result["isError"]
        assert result["structuredContent"]["status"] == "unhealthy"
        assert NOWHERE in result["structuredContent"]["error"]


async def test_progress_comes_before_the_result_and_adds_up_to_its_beginning(behind: OpenBehind) -> None:
    release = asyncio.Event()
    script = (OPENING, Text("Hel"), release, Text("lo"), ENDING)
    async with behind(*script) as b, stdio_server(b.folder, "server_a", SERVER_B_TARGET=b.target) as server:
        await server.initialize()
        await server.call(1, "send_message_stream", {"message": "Hi"}, progressToken="p")
        first = await server.read()
        assert first is not None
        assert first["method"] == "notifications/progress"
        assert first["params"] == {"progressToken": "p", "progress": 1, "message": "Hel"}
        release.set()
        assert (await server.answer(1))["result"]["structuredContent"]["text"] == "Hello"


async def test_without_a_progress_token_there_are_no_notifications(behind: OpenBehind) -> None:
    async with behind() as b, stdio_server(b.folder, "server_a", SERVER_B_TARGET=b.target) as server:
        await server.initialize()
        await server.call(1, "send_message_stream", {"message": "Hi"})
        await server.answer(1)
        assert all("method" not in message for message in server.messages)
