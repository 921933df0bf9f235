"""Server A's tools, as coroutines and as an MCP client sees them."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import jsonschema
import pytest
from mcp import Client
from mcp_types import CallToolResult

import server_a
from llm_relay.errors import InvalidRequest, ProviderProtocol, ServerBUnavailable
from llm_relay.messages import FinishReason
from server_a.mcp_server import create_server
from server_b.providers.base import Ending, Text
from tests.server_a.conftest import Behind, OpenBehind
from tests.support.logged import logged_facts
from tests.support.programs import environment
from tests.support.scripted import HELLO, OPENING, USAGE

pytestmark = pytest.mark.anyio

T = TypeVar("T")

NOWHERE = "127.0.0.1:1"
TOOLS = {
    "send_message",
    "send_message_stream",
    "check_server_b_health",
    "list_available_models",
    "get_server_b_config",
    "whoami",
}


@pytest.fixture(scope="module")
async def b(behind: OpenBehind) -> AsyncIterator[Behind]:
    """A Server B that the coroutines find by the environment and the working folder."""
    with pytest.MonkeyPatch.context() as patch:
        async with behind() as opened:
            patch.chdir(opened.folder)
            patch.setenv("SERVER_B_TARGET", opened.target)
            yield opened


async def on_a_new_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a new event loop, which reads the settings again."""
    return await asyncio.to_thread(asyncio.run, coroutine)


async def ask(name: str, arguments: dict[str, Any]) -> CallToolResult:
    """Calls a tool as an MCP client does, on a new event loop."""
    async with Client(create_server().protocol) as client:
        return await client.call_tool(name, arguments)


async def test_send_message_returns_the_answer_document(b: Behind) -> None:
    answer = await server_a.send_message("Hi", request_id="r-1")
    assert answer["aiResponse"] == "Hello"
    assert (answer["status"], answer["requestId"], answer["finishReason"]) == ("success", "r-1", "stop")
    assert answer["usage"]["promptTokens"] == USAGE.input_tokens


async def test_send_message_stream_returns_the_whole_text(b: Behind) -> None:
    assert await server_a.send_message_stream("Hi") == "Hello"


async def test_the_whole_prompt_is_passed_on(b: Behind) -> None:
    await server_a.send_message("Now?", "Be brief.", [{"role": "user", "text": "Then?"}], "some-model", 0.5, 99, "r-2")
    prompt = b.provider.tries[-1].prompt
    assert (prompt.message, prompt.context, prompt.model) == ("Now?", "Be brief.", "some-model")
    assert (prompt.temperature, prompt.max_tokens, prompt.request_id) == (0.5, 99, "r-2")
    assert [turn.text for turn in prompt.history] == ["Then?"]


async def test_the_lookups_return_documents(b: Behind) -> None:
    assert (await server_a.check_server_b_health())["status"] == "healthy"
    assert (await server_a.list_available_models())["models"] == ["scripted-model"]
    config = await server_a.get_server_b_config()
    assert config == {"provider": "scripted", "defaultModel": "scripted-model", "temperature": 0.7, "maxTokens": 1000}


async def test_a_bad_argument_raises_before_anything_is_sent(b: Behind) -> None:
    before = len(b.provider.tries)
    with pytest.raises(InvalidRequest, match="temperature"):
        await server_a.send_message("Hi", temperature=float("nan"))
    assert len(b.provider.tries) == before


async def test_a_stream_that_is_cut_raises(b: Behind, behind: OpenBehind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with behind(*HELLO[:-1]) as cutting:
        monkeypatch.setenv("SERVER_B_TARGET", cutting.target)
        with pytest.raises(ProviderProtocol):
            await on_a_new_loop(server_a.send_message_stream("Hi"))


async def test_without_server_b_the_coroutines_raise_and_the_health_check_reports_it(
    b: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_B_TARGET", NOWHERE)
    for call in (server_a.send_message("Hi"), server_a.list_available_models(), server_a.get_server_b_config()):
        with pytest.raises(ServerBUnavailable, match=NOWHERE):
            await on_a_new_loop(call)
    health = await on_a_new_loop(server_a.check_server_b_health())
    assert health["status"] == "unhealthy"
    assert NOWHERE in health["error"]


@pytest.fixture
async def client(b: Behind) -> AsyncIterator[Client]:
    async with Client(create_server().protocol) as client:
        yield client


async def test_every_tool_has_a_title_a_description_schemas_and_true_annotations(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == TOOLS
    for name, tool in tools.items():
        assert tool.title
        assert tool.description
        assert "Raises" not in tool.description
        assert tool.annotations is not None
        spends = name.startswith("send_")
        assert tool.annotations.read_only_hint is not spends
        assert tool.annotations.destructive_hint is False
        assert tool.input_schema["additionalProperties"] is False
        assert tool.input_schema.get("required", []) == (["message"] if spends else [])
        assert tool.output_schema is not None
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)


async def test_the_list_of_tools_takes_less_than_2450_tokens_of_the_model(client: Client) -> None:
    listed = (await client.list_tools()).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert len(json.dumps(listed)) / 4 < 2450


@pytest.mark.parametrize("name", ["send_message", "send_message_stream"])
async def test_the_descriptions_tell_a_model_what_it_needs_to_know(client: Client, name: str) -> None:
    tool = next(tool for tool in (await client.list_tools()).tools if tool.name == name)
    assert tool.description is not None
    assert "remembers nothing between calls: pass earlier turns in history" in tool.description
    assert "list_available_models" in tool.description
    properties = tool.input_schema["properties"]
    assert properties["request_id"]["description"].startswith("Leave out.")
    assert properties["history"]["items"]["properties"]["role"]["type"] == "string"
    assert all(argument["description"] for argument in properties.values())


@pytest.mark.parametrize("name", sorted(TOOLS))
async def test_structured_content_matches_the_output_schema(client: Client, name: str) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    arguments = {"message": "Hi"} if name.startswith("send_") else {}
    result = await client.call_tool(name, arguments)
    assert not result.is_error
    assert tools[name].output_schema is not None
    jsonschema.validate(result.structured_content, tools[name].output_schema)


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.CONTENT_FILTER])
@pytest.mark.parametrize(("name", "text"), [("send_message", "aiResponse"), ("send_message_stream", "text")])
async def test_the_text_says_that_an_answer_is_incomplete(
    b: Behind, behind: OpenBehind, monkeypatch: pytest.MonkeyPatch, name: str, text: str, reason: FinishReason
) -> None:
    async with behind(OPENING, Text("Half an"), Ending(reason, USAGE)) as cutting:
        monkeypatch.setenv("SERVER_B_TARGET", cutting.target)
        result = await on_a_new_loop(ask(name, {"message": "Hi"}))
    assert result.structured_content[text] == "Half an"
    shown = result.content[0].text  # type: ignore[union-attr]
    assert shown.startswith("Half an\n\n[This answer is incomplete: ")
    assert reason.value in shown


N8N = {"toolCallId": "call_1", "sessionId": "s", "action": "sendMessage", "chatInput": "Hi", "tool": "send_message"}


@pytest.mark.parametrize("name", sorted(TOOLS))
async def test_arguments_that_clients_add_are_left_out_and_logged(
    client: Client, b: Behind, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    arguments = {"message": "Hi"} if name.startswith("send_") else {}
    with caplog.at_level("INFO", "relay.mcp"):
        result = await client.call_tool(name, {**arguments, **N8N, "_sessionID": "s", "_meta": {}})
    assert not result.is_error
    left_out = "_meta,_sessionID,action,chatInput,sessionId,tool,toolCallId"
    assert logged_facts(caplog, "relay.mcp") == [{"tool": name, "arguments": left_out}]


@pytest.mark.parametrize("name", sorted(TOOLS))
async def test_other_undeclared_arguments_are_refused(client: Client, name: str) -> None:
    arguments = {"message": "Hi"} if name.startswith("send_") else {}
    result = await client.call_tool(name, {**arguments, **N8N, "promt": "Hi", "Message": "Hi"})
    assert result.is_error
    assert result.meta is not None
    assert [violation["field"] for violation in result.meta["violations"]] == ["promt", "Message"]


@pytest.mark.parametrize("name", ["send_message", "send_message_stream"])
async def test_the_model_reads_only_the_answer(client: Client, name: str) -> None:
    result = await client.call_tool(name, {"message": "Hi"})
    assert [item.text for item in result.content] == ["Hello"]  # type: ignore[union-attr]


async def test_the_streamed_tool_returns_its_finish(client: Client) -> None:
    result = await client.call_tool("send_message_stream", {"message": "Hi", "request_id": "r-3"})
    document = result.structured_content
    assert (document["text"], document["requestId"], document["finishReason"]) == ("Hello", "r-3", "stop")
    assert document["usage"]["completionTokens"] == USAGE.output_tokens


async def test_null_is_the_same_as_absent(client: Client, b: Behind) -> None:
    result = await client.call_tool("send_message", {"message": "Hi", "model": None, "history": None})
    assert not result.is_error
    assert b.provider.tries[-1].prompt.history == ()


async def test_an_unexpected_error_reveals_nothing(
    b: Behind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SERVER_B_CLIENT_KEY_FILE", "a-secret-path")
    monkeypatch.setenv("SERVER_B_TLS", "true")

    result = await on_a_new_loop(ask("get_server_b_config", {}))
    assert result.is_error
    assert result.meta is not None
    assert result.meta["reason"] == "INTERNAL"
    assert "a-secret-path" not in str(result)
    assert "a-secret-path" not in caplog.text
    assert "ValueError at " in caplog.text


async def test_the_documented_lines_work_twice_and_leave_nothing_open(b: Behind) -> None:
    lines = (
        "import asyncio",
        "from server_a import send_message, send_message_stream",
        "async def ask(): return (await send_message('Hi'))['aiResponse']",
        "print(asyncio.run(ask()))",
        "print(asyncio.run(ask()))",
        "print(asyncio.run(send_message_stream('Hi')))",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "always", "-c", "\n".join(lines)),
        cwd=b.folder,
        env=environment({"SERVER_B_TARGET": b.target}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert out.decode().split() == ["Hello"] * 3
    assert err.decode() == ""
    assert process.returncode == 0


async def test_the_package_exports_its_tools_and_nothing_else() -> None:
    assert set(server_a.__all__) == TOOLS
    with pytest.raises(AttributeError, match="no attribute 'send_massage'"):
        _ = server_a.send_massage


async def test_importing_the_tools_imports_no_mcp(b: Behind) -> None:
    code = "import sys, server_a; server_a.send_message; sys.exit('mcp' in sys.modules or 'grpc' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment({}))
    assert await process.wait() == 0
