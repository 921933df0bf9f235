"""Requests that real clients and proxies send to the gateway and to MCP over HTTP."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.field.conftest import OPENAI
from tests.field.field import Field, open_field
from tests.field.wire import BOM, GOOD, stream
from tests.support.gateways import post, socket_to
from tests.support.mcp_stdio import lines, piped
from tests.support.programs import running

pytestmark = pytest.mark.anyio

PROMPT = json.dumps({"message": "Hi", "model": "m"}).encode()
UTF_16 = ("utf-16", "utf-16-le", "utf-16-be")
CLIENT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
N8N = {"sessionId": "s", "action": "sendMessage", "chatInput": "Hi", "toolCallId": "call_1"}


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    async with open_field(**OPENAI) as opened:
        opened.provider.scripts["m"] = (stream(GOOD),)
        yield opened


@pytest.mark.parametrize("path", ["/process", "/stream"])
async def test_a_body_with_a_byte_order_mark_is_read(field: Field, path: str) -> None:
    response = await field.http.post(path, content=BOM + PROMPT, headers={"content-type": "application/json"})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("path", ["/process", "/stream"])
@pytest.mark.parametrize("encoding", UTF_16)
async def test_a_body_in_utf_16_is_refused_by_name(field: Field, path: str, encoding: str) -> None:
    body = PROMPT.decode().encode(encoding)
    response = await field.http.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert "UTF-16" in response.text


async def test_head_answers_like_get_without_the_body(field: Field) -> None:
    for path in ("/health", "/models", "/config"):
        got, head = await field.http.get(path), await field.http.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("content-type", "content-length", "cache-control"):
            assert head.headers.get(name) == got.headers.get(name)


async def test_a_streams_headers_forbid_proxies_to_change_it(field: Field) -> None:
    response = await field.http.post("/stream", content=PROMPT, headers={"content-type": "application/json"})
    assert response.headers["cache-control"] == "no-store, no-transform"
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_spaces_around_a_header_value_do_not_count(field: Field) -> None:
    async with socket_to(field.http) as socket:
        await socket.send(post("/process", PROMPT, "Content-Type:  application/json  ", "X-Request-Timeout: 20\t "))
        reply = await socket.reply()
    assert reply.status == 200, reply.body


@pytest.fixture(scope="module")
async def mcp(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of Server A over HTTP, with a mock behind it."""
    folder = tmp_path_factory.mktemp("clients")
    at_once = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}
    async with (
        running(folder, "server_b", GRPC_PORT="0", **at_once) as server_b,
        running(folder, "server_a", "http", MCP_PORT_A="0", SERVER_B_TARGET=server_b.address) as server_a,
        httpx2.AsyncClient(base_url=f"http://{server_a.address}", timeout=60, trust_env=False) as client,
    ):
        yield client


def message(method: str, params: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def answer_of(response: httpx2.Response) -> dict[str, Any]:
    """Reads an answer in either form."""
    lines = response.text.splitlines()
    text = next((line[6:] for line in lines if line.startswith("data: {")), response.text)
    document: dict[str, Any] = json.loads(text)
    return document


async def call(mcp: httpx2.AsyncClient, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Opens a session and sends one request in it."""
    headers = {"accept": "application/json, text/event-stream"}
    opened = await mcp.post("/mcp", json=message("initialize", CLIENT, 0), headers=headers)
    headers |= {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    await mcp.post("/mcp", json=INITIALIZED, headers=headers)
    return answer_of(await mcp.post("/mcp", json=message(method, params), headers=headers))


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/event-stream", "text/event-stream"),
        ("application/json", "application/json"),
        ("application/json, text/event-stream", ""),
        ("text/event-stream, application/json", ""),
        ("application/json;q=0.9, text/event-stream;q=0.8", ""),
        ("*/*", ""),
        ("application/*", "application/json"),
    ],
)
async def test_mcp_answers_in_the_form_that_is_accepted(mcp: httpx2.AsyncClient, accept: str, form: str) -> None:
    response = await mcp.post("/mcp", json=message("initialize", CLIENT), headers={"accept": accept})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith(form)
    assert "serverInfo" in answer_of(response)["result"]


async def test_mcp_answers_with_a_slash_after_its_path(mcp: httpx2.AsyncClient) -> None:
    headers = {"accept": "application/json, text/event-stream", "x-forwarded-proto": "https"}
    response = await mcp.post("/mcp/", json=message("initialize", CLIENT), headers=headers, follow_redirects=False)
    assert response.status_code == 200, response.headers


@pytest.mark.parametrize("tool", ["send_message", "send_message_stream"])
async def test_arguments_that_n8n_adds_are_left_out(mcp: httpx2.AsyncClient, tool: str) -> None:
    answer = await call(mcp, "tools/call", {"name": tool, "arguments": {"message": "Hi", **N8N}})
    assert not answer["result"].get("isError"), answer
    assert "You said: 'Hi'." in answer["result"]["content"][0]["text"]


@pytest.mark.parametrize("tool", ["check_server_b_health", "list_available_models", "get_server_b_config"])
async def test_arguments_that_n8n_adds_are_left_out_of_tools_without_arguments(
    mcp: httpx2.AsyncClient, tool: str
) -> None:
    answer = await call(mcp, "tools/call", {"name": tool, "arguments": N8N})
    assert not answer["result"].get("isError"), answer


async def test_unknown_arguments_are_refused_by_name(mcp: httpx2.AsyncClient) -> None:
    answer = await call(
        mcp, "tools/call", {"name": "send_message", "arguments": {"message": "Hi", "promt": "x", **N8N}}
    )
    assert "promt" in json.dumps(answer)
    assert answer.get("error") or answer["result"]["isError"]


async def test_every_property_of_every_tool_has_a_type(mcp: httpx2.AsyncClient) -> None:
    tools = (await call(mcp, "tools/list", {}))["result"]["tools"]
    assert {"send_message", "send_message_stream"} <= {tool["name"] for tool in tools}
    untyped = [path for tool in tools for path in untyped_properties(tool["inputSchema"], tool["name"])]
    assert untyped == []


async def test_requests_piped_into_stdio_are_answered(tmp_path: Path, field: Field) -> None:
    say_hi = {"name": "send_message", "arguments": {"message": "Hi", "model": "m"}}
    asked = lines(message("initialize", CLIENT, 0), INITIALIZED, message("tools/list", {}, 1))
    asked += lines(message("tools/call", say_hi, 2))
    answers, log, code = await piped(tmp_path, asked, SERVER_B_TARGET=field.server_b)
    by_number = {answer["id"]: answer["result"] for answer in answers}
    assert by_number.keys() == {0, 1, 2}
    assert by_number[2]["structuredContent"]["aiResponse"] == "Hello"
    assert (code, "Traceback" in log) == (0, False)


def untyped_properties(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Yields the paths in a schema that have neither a type nor alternatives with a type."""
    places = {
        **schema.get("properties", {}),
        **{f"${name}": one for name, one in schema.get("$defs", {}).items()},
        **({"[]": schema["items"]} if isinstance(schema.get("items"), dict) else {}),
        **{f"|{number}": one for number, one in enumerate(schema.get("anyOf", []) + schema.get("oneOf", []))},
    }
    if not {"type", "anyOf", "oneOf", "$ref"} & schema.keys():
        yield path
    for name, one in places.items():
        yield from untyped_properties(one, f"{path}.{name}")
