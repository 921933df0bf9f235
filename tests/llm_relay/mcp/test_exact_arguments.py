"""Arguments of tool calls over MCP: exact text on the way in, every digit on the way out."""

import json
from pathlib import Path
from typing import Any

import pytest

from llm_relay.messages import FinishReason, ToolCall
from server_b.providers.base import Ending
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted
from tests.support.mcp_http import call, client, message_in, open_session
from tests.support.mcp_stdio import stdio_server
from tests.support.programs import running
from tests.support.scripted import OPENING, USAGE, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

# What a line of stdio can contain: JSON-RPC over stdio has no newlines.
LETTERS = '{ "z": 9007199254740993, "n":12345678901234567890123,\t"f": 1.10, "e": 1E2, "s":"\\u00e9/" , "a": 0.1000 }'
EXACT = '{"z":9007199254740993,"n":12345678901234567890123,"f":1.5,"a":[1,{"b":null}]}'
INEXACT = '{"f":0.12345678901234567890123}'
MARK = "LETTERS"


def script(arguments: str) -> tuple[Any, ...]:
    called = (CallStarted(0, "c1", "f"), CallArguments(0, arguments), CallFinished(0))
    return (OPENING, *called, Ending(FinishReason.TOOL_CALLS, USAGE))


def written() -> str:
    """Writes a call that gives a tool call back, with the exact text of its arguments."""
    turn = {"role": "assistant", "parts": [{"tool_call": {"id": "c1", "name": "f", "arguments": MARK}}]}
    result = {"tool_result": {"tool_call_id": "c1", "structured": MARK}}
    return json.dumps(call(history=[turn], parts=[result], message="")).replace(f'"{MARK}"', LETTERS)


def assert_kept(provider: ScriptedProvider) -> None:
    prompt = provider.tries[-1].prompt
    (given,) = prompt.history[0].parts
    assert isinstance(given, ToolCall)
    assert given.arguments_json == LETTERS
    assert prompt.parts[0].structured_json == LETTERS  # type: ignore[union-attr]


def called(answer: dict[str, Any]) -> dict[str, Any]:
    (part,) = answer["result"]["structuredContent"]["parts"]
    return dict(part["tool_call"])


async def test_arguments_keep_their_text_over_stdio(tmp_path: Path) -> None:
    provider = ScriptedProvider(script(EXACT), script(INEXACT))
    async with (
        serving(provider) as server_b,
        stdio_server(tmp_path, "server_a", SERVER_B_TARGET=server_b.target) as mcp,
    ):
        await mcp.initialize()
        await mcp.write(written())
        first = called(await mcp.answer(1))
        assert_kept(provider)
        assert json.dumps(first["arguments"], separators=(",", ":")) == EXACT
        await mcp.call(2, "send_message", {"message": "Hi"})
        second = called(await mcp.answer(2))
        assert (second["arguments_text"], "arguments" in second) == (INEXACT, False)


async def test_arguments_keep_their_text_over_http(tmp_path: Path) -> None:
    provider = ScriptedProvider(script(EXACT))
    async with (
        serving(provider) as server_b,
        running(tmp_path, "server_a", "http", MCP_PORT_A="0", SERVER_B_TARGET=server_b.target) as program,
        client(program) as http,
    ):
        await open_session(http)
        answer = await http.post("/mcp", content=written())
        assert_kept(provider)
        assert EXACT in answer.text.replace("\\", "")
        assert called(message_in(answer))["arguments"]["n"] == 12345678901234567890123
