"""Faults of a body are found before the SDK reads it, and cause no traceback."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from llm_relay.addresses import listen
from llm_relay.http.serving import create_server
from llm_relay.http.slow_bodies import BodyInTime
from llm_relay.mcp.http.whole_body import ReadWholeBody
from llm_relay.mcp.json_rpc import MAX_VALUES
from tests.support.mcp_http import ACCEPT, INITIALIZE, MODERN, TIMEOUT_S, client, message_in, modern_call, open_session
from tests.support.programs import Program, running

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1"
HEAD = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"


async def unreachable(_: Scope, __: Receive, ___: Send) -> None:
    raise AssertionError("an incomplete body was passed on")


@pytest.mark.parametrize("body", [b"", b"{"])
async def test_a_body_that_does_not_arrive_is_given_up(body: bytes) -> None:
    app = BodyInTime(ReadWholeBody(unreachable, 1000), timeout_s=0.05)
    server = create_server(app, certificates=None, grace_s=1, lifespan="off")
    listener = listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(f"{HEAD}\r\n".encode() + body)
    async with asyncio.timeout(TIMEOUT_S):
        answer = await reader.read()
    writer.close()
    server.stop_accepting()
    await serving
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("version", ["", "MCP-Protocol-Version: 2026-07-28\r\n"], ids=["legacy", "modern"])
@pytest.mark.parametrize("body", ["", '{"jsonrpc": '])
async def test_leaving_during_the_upload_logs_nothing(server_a: Program, version: str, body: str) -> None:
    before = len(server_a.lines)
    _, writer = await asyncio.open_connection("127.0.0.1", server_a.port)
    writer.write(f"{HEAD}{version}\r\n{body}".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with client(server_a) as http:
        for _ in range(3):  # by then the program has noticed the end of the other connection
            await http.post("/mcp", json=INITIALIZE)
    assert server_a.lines[before:] == []


@pytest.mark.parametrize("body", ["", "no JSON", "[]", '{"jsonrpc": "2.0", "id": 1}'])
async def test_an_invalid_message_over_sse_is_refused_and_not_logged(tmp_path: Path, body: str) -> None:
    async with (
        running(tmp_path, "server_a", "sse", MCP_PORT_A="0", SERVER_B_TARGET=NOWHERE) as program,
        client(program) as http,
    ):
        before = len(program.lines)
        refusal = await http.post("/messages/", params={"session_id": "0" * 32}, content=body)
        assert refusal.status_code == 400
        assert await program.stop() == 0
    assert program.lines[before:] == []


def with_repeated(message: dict[str, Any], name: str) -> str:
    """Writes the message as JSON with one member twice: first as null, then with its value."""
    member = f"{json.dumps(name)}: "
    return json.dumps(message).replace(member, f"{member}null, {member}", 1)


@pytest.mark.parametrize("name", ["message", "temperature"])
@pytest.mark.parametrize("headers", [ACCEPT, MODERN], ids=["legacy", "modern"])
async def test_a_duplicate_argument_is_refused_by_name(server_a: Program, headers: dict[str, str], name: str) -> None:
    message = modern_call(message="a secret prompt", temperature=1)
    async with client(server_a, **headers) as http:
        if headers is ACCEPT:
            await open_session(http)
            del message["params"]["_meta"]
        answer = await http.post("/mcp", content=with_repeated(message, name))
    result = message_in(answer)["result"]
    assert result["isError"]
    assert result["_meta"]["violations"] == [{"field": name, "description": "must not be given twice in one object"}]
    assert "a secret prompt" not in answer.text


@pytest.mark.parametrize("name", ["id", "method", "arguments", "params"])
async def test_a_duplicate_member_of_the_envelope_is_refused_by_name(server_a: Program, name: str) -> None:
    async with client(server_a, **MODERN) as http:
        refusal = await http.post("/mcp", content=with_repeated(modern_call(message="Hi"), name))
    assert refusal.status_code == 400
    assert refusal.json()["error"] == {
        "code": -32600,
        "message": f"Invalid Request: given twice in one object: {name}",
    }


async def test_a_byte_order_mark_is_skipped(server_a: Program) -> None:
    async with client(server_a) as http:
        opened = await http.post("/mcp", content=b"\xef\xbb\xbf" + json.dumps(INITIALIZE).encode())
    assert message_in(opened)["id"] == 0


async def test_a_body_with_too_many_values_is_refused_before_parsing(server_a: Program) -> None:
    arguments = {f"k{number}": 0 for number in range(MAX_VALUES // 2 + 1)}
    async with client(server_a, **MODERN) as http:
        refusal = await http.post("/mcp", json=modern_call(**arguments))
    assert refusal.status_code == 400
    assert refusal.json()["error"]["message"] == f"Invalid Request: more than {MAX_VALUES} values"


async def test_a_long_text_counts_as_one_value(server_a: Program) -> None:
    async with client(server_a, **MODERN) as http:
        answer = await http.post("/mcp", json=modern_call(message=",:" * MAX_VALUES))
    assert not message_in(answer)["result"]["isError"]
