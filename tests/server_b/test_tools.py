"""Server B's own tools, as coroutines and over MCP, on the Relay without a network hop."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from mcp import Client

import server_b
from llm_relay.errors import InvalidRequest, ProviderProtocol
from server_b.mcp_server import create_server
from tests.support.logged import without_time
from tests.support.mcp_stdio import MODERN_META, stdio_server
from tests.support.programs import environment, running

pytestmark = pytest.mark.anyio

TOOLS = {"process_message", "process_message_stream", "get_provider_info", "health_check", "whoami"}
MOCK = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0", "MOCK_FAULTS": "true"}
CONFIG = {"provider": "mock", "defaultModel": "mock-model", "temperature": 0.7, "maxTokens": 1000}
CALL_LINE = " relay.calls call "


@pytest.fixture(autouse=True)
def mock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment and a working folder in which the coroutines use the mock."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"AI_PROVIDER": "mock", **MOCK}.items():
        monkeypatch.setenv(name, value)


async def test_process_message_returns_the_answer_document() -> None:
    answer = await server_b.process_message("Hi", request_id="r-1")
    assert re.match(r"\[MOCK RESPONSE #\d+\] You said: 'Hi'\.", answer["aiResponse"])
    assert (answer["requestId"], answer["usage"]["estimatedCost"]) == ("r-1", 0)


async def test_process_message_stream_returns_the_whole_text() -> None:
    text = await server_b.process_message_stream("Hi")
    assert re.fullmatch(r"\[MOCK STREAM #\d+\] You said: 'Hi'. This is a streaming test response.", text)


async def test_the_lookups_return_documents() -> None:
    assert await server_b.get_provider_info() == CONFIG
    before = await server_b.health_check()
    await server_b.process_message("Hi")
    health = await server_b.health_check()
    assert (health["status"], health["provider"]) == ("healthy", "mock")
    assert health["messagesProcessed"] == before["messagesProcessed"] + 1


async def test_failures_raise_their_errors() -> None:
    with pytest.raises(InvalidRequest, match="message"):
        await server_b.process_message(" ")
    with pytest.raises(ProviderProtocol):
        await server_b.process_message_stream("Hi", model="mock-model?fault=cut")


def test_a_new_event_loop_each_time_works_and_leaves_nothing_open(tmp_path: Path) -> None:
    lines = (
        "import asyncio",
        "from server_b import health_check, process_message",
        "print(asyncio.run(process_message('Hi'))['aiResponse'][:18])",
        "print(asyncio.run(process_message('Hi'))['aiResponse'][:18])",
        "print(asyncio.run(health_check())['status'])",
    )
    ended = subprocess.run(
        [sys.executable, "-W", "always", "-c", "\n".join(lines)],
        cwd=tmp_path,
        env=environment(MOCK),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.stdout.splitlines() == ["[MOCK RESPONSE #1]", "[MOCK RESPONSE #1]", "healthy"]
    assert ended.returncode == 0
    assert ended.stderr == ""


def test_the_package_exports_its_tools_and_nothing_else() -> None:
    assert set(server_b.__all__) == TOOLS
    with pytest.raises(AttributeError, match="no attribute 'process_massage'"):
        _ = server_b.process_massage


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client(create_server().protocol) as client:
        yield client


async def test_the_mcp_tools_answer_as_the_coroutines_do(client: Client) -> None:
    assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
    whole = await client.call_tool("process_message", {"message": "Hi"})
    assert whole.structured_content["aiResponse"] == whole.content[0].text  # type: ignore[union-attr]
    streamed = await client.call_tool("process_message_stream", {"message": "Hi"})
    assert streamed.structured_content["text"].startswith("[MOCK STREAM #")
    assert (await client.call_tool("get_provider_info", {})).structured_content == CONFIG
    assert (await client.call_tool("health_check", {})).structured_content["status"] == "healthy"


async def test_a_tool_error_has_its_reason_and_its_request_id(client: Client) -> None:
    arguments = {"message": "Hi", "model": "mock-model?fault=malformed", "request_id": "r-2"}
    result = await client.call_tool("process_message", arguments)
    assert result.is_error
    assert result.meta is not None
    assert (result.meta["reason"], result.meta["requestId"]) == ("PROVIDER_PROTOCOL", "r-2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
async def test_over_stdio_a_signal_and_the_end_of_input_end_it_during_a_call(
    tmp_path: Path, number: signal.Signals | None
) -> None:
    async with stdio_server(tmp_path, "server_b", "stdio", **MOCK, stdout=asyncio.subprocess.PIPE) as server:
        await server.initialize()
        await server.call(
            1, "process_message_stream", {"message": "Hi", "model": "mock-model?fault=hang_during"}, progressToken="p"
        )
        first = await server.read()
        assert first is not None
        assert first["method"] == "notifications/progress"
        assert await (server.stop(number) if number else server.close_stdin()) == 0
    ledger = f"{os.environ['XDG_STATE_HOME']}/grpc-llm-relay/relay.db"
    assert without_time(server.log[0]) == f"INFO relay Starting Server B (MCP) with STDIO transport, ledger {ledger}"
    calls = [line for line in server.log if CALL_LINE in line]
    assert len(calls) == 1
    assert "outcome=CANCELLED" in calls[0]


async def test_over_http_the_token_names_the_caller(tmp_path: Path) -> None:
    async with running(tmp_path, "server_b", "http", **MOCK, MCP_PORT_B="0", RELAY_TOKENS="ann:secret-1") as program:
        headers = {
            "Accept": "application/json, text/event-stream",
            "Authorization": "Bearer secret-1",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "process_message",
        }
        params = {"name": "process_message", "arguments": {"message": "Hi"}, "_meta": MODERN_META}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as http:
            answer = await http.post(f"http://{program.address}/mcp", json=body, headers=headers)
        assert answer.json()["result"]["isError"] is False
        assert await program.stop() == 0
    started = f"INFO relay Starting Server B (MCP) with HTTP transport on {program.address}, ledger {tmp_path}/relay.db"
    assert without_time(program.lines[0]) == started
    assert [line for line in program.lines if CALL_LINE in line and "caller=ann" in line]


@pytest.mark.parametrize("transport", ["stdio", "sse", "http"])
async def test_a_missing_key_stops_the_start(tmp_path: Path, transport: str) -> None:
    settings = {"AI_PROVIDER": "openai", "MCP_PORT_B": "0"}
    async with (
        stdio_server(tmp_path, "server_b", transport, stdout=asyncio.subprocess.PIPE, **settings) as server,
        asyncio.timeout(20),
    ):
        assert await server.process.wait() == 2
    assert len(server.log) == 1
    assert "OPENAI_API_KEY" in server.log[0]
