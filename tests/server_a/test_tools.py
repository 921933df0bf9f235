"""Server A's tools, as coroutines and as an MCP client sees them."""

import asyncio
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
from server_a.mcp_server import create_server
from tests.server_a.conftest import Behind, OpenBehind
from tests.support.programs import environment
from tests.support.scripted import HELLO, USAGE

pytestmark = pytest.mark.anyio

T = TypeVar("T")

NOWHERE = "127.0.0.1:1"
TOOLS = {
    "send_message",
    "send_message_stream",
    "check_server_b_health",
    "list_available_models",
    "get_server_b_config",
}


@pytest.fixture(scope="module")
async def b(behind: OpenBehind) -> AsyncIterator[Behind]:
    """A Server B, with the environment and the working folder such that the coroutines find it."""
    with pytest.MonkeyPatch.context() as patch:
        async with behind() as opened:
            patch.chdir(opened.folder)
            patch.setenv("SERVER_B_TARGET", opened.target)
            yield opened


async def on_a_new_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on an event loop of its own, which reads the settings anew."""
    return await asyncio.to_thread(asyncio.run, coroutine)


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


async def test_a_bad_argument_raises_before_anything_is_asked(b: Behind) -> None:
    before = len(b.provider.tries)
    with pytest.raises(InvalidRequest, match="temperature"):
        await server_a.send_message("Hi", temperature=float("nan"))
    assert len(b.provider.tries) == before


async def test_a_stream_that_is_cut_short_raises(
    b: Behind, behind: OpenBehind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with behind(*HELLO[:-1]) as cutting:
        monkeypatch.setenv("SERVER_B_TARGET", cutting.target)
        with pytest.raises(ProviderProtocol):
            await on_a_new_loop(server_a.send_message_stream("Hi"))


async def test_without_server_b_the_coroutines_raise_and_the_health_check_tells(
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


@pytest.mark.parametrize("name", sorted(TOOLS))
async def test_structured_content_is_what_the_output_schema_says(client: Client, name: str) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    arguments = {"message": "Hi"} if name.startswith("send_") else {}
    result = await client.call_tool(name, arguments)
    assert not result.is_error
    assert tools[name].output_schema is not None
    jsonschema.validate(result.structured_content, tools[name].output_schema)


@pytest.mark.parametrize("name", ["send_message", "send_message_stream"])
async def test_the_model_reads_the_answer_alone(client: Client, name: str) -> None:
    result = await client.call_tool(name, {"message": "Hi"})
    assert [item.text for item in result.content] == ["Hello"]  # type: ignore[union-attr]


async def test_the_streamed_tool_tells_its_finish(client: Client) -> None:
    result = await client.call_tool("send_message_stream", {"message": "Hi", "request_id": "r-3"})
    document = result.structured_content
    assert (document["text"], document["requestId"], document["finishReason"]) == ("Hello", "r-3", "stop")
    assert document["usage"]["completionTokens"] == USAGE.output_tokens


async def test_null_is_the_same_as_absent(client: Client, b: Behind) -> None:
    result = await client.call_tool("send_message", {"message": "Hi", "model": None, "history": None})
    assert not result.is_error
    assert b.provider.tries[-1].prompt.history == ()


async def test_an_error_nobody_foresaw_says_nothing_of_itself(
    b: Behind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SERVER_B_CLIENT_KEY_FILE", "a-secret-path")
    monkeypatch.setenv("SERVER_B_TLS", "true")

    async def ask() -> CallToolResult:
        async with Client(create_server().protocol) as client:
            return await client.call_tool("get_server_b_config", {})

    result = await on_a_new_loop(ask())
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


async def test_the_package_offers_its_tools_and_nothing_else() -> None:
    assert set(server_a.__all__) == TOOLS
    with pytest.raises(AttributeError, match="no attribute 'send_massage'"):
        _ = server_a.send_massage


async def test_importing_the_tools_imports_no_mcp(b: Behind) -> None:
    code = "import sys, server_a; server_a.send_message; sys.exit('mcp' in sys.modules or 'grpc' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment({}))
    assert await process.wait() == 0
