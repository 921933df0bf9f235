"""Clients that share none of our code: grpc-js with the plain .proto, and the MCP TypeScript SDK."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server_b.providers.base import Text
from tests.faults.conftest import FULL
from tests.support.programs import PROJECT, Program, environment, running
from tests.support.scripted import ENDING, OPENING, ScriptedProvider
from tests.support.serving import serving

NODE = shutil.which("node")
NPM = shutil.which("npm")
FOLDER = Path(__file__).parent / "node"
MOCK = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0.01", "MOCK_FAULTS": "true", "GRPC_PORT": "0"}

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.node,
    pytest.mark.skipif(not (NODE and NPM), reason="needs Node.js and npm on the PATH"),
]


@pytest.fixture(scope="module")
async def server_b(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    await _install()
    async with running(tmp_path_factory.mktemp("node"), "server_b", **MOCK) as program:
        yield program


async def _install() -> None:
    """Installs the packages once, next to package.json."""
    wanted, installed = FOLDER / "package.json", FOLDER / "node_modules" / ".installed"
    if installed.exists() and installed.read_text() == wanted.read_text():
        return
    arguments = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    process = await asyncio.create_subprocess_exec(str(NPM), *arguments, cwd=FOLDER)
    async with asyncio.timeout(180):
        assert await process.wait() == 0, "npm install failed"
    installed.write_text(wanted.read_text())


async def node(script: str, *arguments: str, **settings: str) -> Any:
    """Runs one of the scripts and returns the document that it printed."""
    process = await asyncio.create_subprocess_exec(
        str(NODE), script, *arguments, cwd=FOLDER, env=environment(settings), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(printed)


async def test_grpc_js_works_with_nothing_but_the_proto(server_b: Program) -> None:
    seen = await node("grpc_client.js", server_b.address, str(PROJECT / "proto"))
    assert seen["answer"]["text"].endswith("You said: 'Hello from Node'. " + MOCK_WHOLE_END)
    assert seen["answer"]["request_id"] == "node-1"
    assert seen["answer"]["cost"]["nano_usd"] == 0

    events = seen["whole"]["events"]
    assert [event["event"] for event in events] == ["started", *["delta"] * (len(events) - 2), "finished"]
    assert [event["sequence"] for event in events] == sorted({event["sequence"] for event in events})
    assert "".join(event["delta"]["text"] for event in events[1:-1]).endswith("This is a streaming test response.")
    assert events[0]["started"]["request_id"] == seen["whole"]["requestId"]
    assert seen["whole"]["status"] == 0

    assert seen["refused"] == {"code": 3, "details": "message: must not be blank"}
    assert seen["cut"]["status"] == 13
    assert seen["cut"]["events"][-1]["event"] == "delta"
    assert seen["cancel"] == {"found": True}
    assert seen["soft"]["status"] == 0
    assert seen["soft"]["events"][-1]["finished"]["finish_reason"] == "FINISH_REASON_CANCELLED"

    tools = seen["tools"]
    assert tools["calling"]["finish_reason"] == "FINISH_REASON_TOOL_CALLS"
    kinds = [event["event"] for event in tools["callEvents"]["events"]]
    assert kinds == ["started", "tool_call_started", "tool_call_delta", "tool_call_finished", "finished"]
    assert tools["told"]["text"].endswith("The tool get_weather said: '5 degrees'.")


async def test_the_snippet_of_the_documents_streams(server_b: Program) -> None:
    text = (PROJECT / "docs/grpc.md").read_text("utf-8")
    (snippet,) = re.findall(r"^```js\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    script = snippet.replace("127.0.0.1:50051", server_b.address).replace('"proto"', json.dumps(str(PROJECT / "proto")))
    process = await asyncio.create_subprocess_exec(
        str(NODE), "-e", script, cwd=FOLDER, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        printed, complaints = await process.communicate()
    assert printed.decode().endswith("This is a streaming test response.")
    assert complaints == b""


async def test_openais_sdk_and_the_ai_sdk_use_the_gateway(server_b: Program, tmp_path: Path) -> None:
    async with running(tmp_path, "gateway", HTTP_PORT="0", SERVER_B_TARGET=server_b.address) as gateway:
        seen = await node("openai_client.mjs", f"http://{gateway.address}/v1")
    assert seen["whole"].endswith("You said: 'Hello'. " + MOCK_WHOLE_END)
    assert seen["usage"] > 0
    assert seen["call"] == {"name": "weather", "arguments": '{"city":""}'}
    assert seen["refused"] == {"status": 400, "param": "n"}
    assert "You said: 'Hello'" in seen["response"]
    assert "You said: 'Hello'" in seen["aiText"]
    assert seen["streamed"].endswith("This is a streaming test response.")
    assert seen["aiStream"].endswith("This is a streaming test response.")
    assert seen["aiLoop"]["steps"] == 2
    assert "sunny" in seen["aiLoop"]["text"]
    assert seen["aiObject"] == {"city": ""}


@pytest.mark.skipif(not FULL, reason="waits for the real timeouts of the SDK: only scripts/faults runs it")
@pytest.mark.parametrize(("how", "calls"), [("request", 1), ("header", 1), ("client", 2)])
async def test_an_sdk_that_times_out_and_retries_gets_its_answer(tmp_path: Path, how: str, calls: int) -> None:
    """The SDK does not announce its client timeout; its first repeat reveals it."""
    await _install()
    ready = asyncio.Event()
    provider = ScriptedProvider((ready, OPENING, Text("Hello"), ENDING))
    async with (
        serving(provider) as served,
        running(tmp_path, "gateway", HTTP_PORT="0", SERVER_B_TARGET=served.target) as gateway,
    ):
        asyncio.get_running_loop().call_later(5, ready.set)
        seen = await node("openai_retries.mjs", f"http://{gateway.address}/v1", how)
    assert seen == {"text": "Hello"}
    assert len(provider.tries) == calls


MOCK_WHOLE_END = "This is a test response without calling any external API."


@pytest.mark.parametrize("transport", ["http", "sse", "stdio"])
async def test_the_typescript_sdk_uses_every_tool_of_server_a(
    server_b: Program, transport: str, tmp_path: Path
) -> None:
    settings = {"SERVER_B_TARGET": server_b.address, "MCP_PORT_A": "0"}
    if transport == "stdio":
        arguments = (sys.executable, "-m", "server_a", "stdio")
        seen = await node("mcp_client.js", transport, *arguments, **settings)
    else:
        path = {"http": "mcp", "sse": "sse"}[transport]
        async with running(tmp_path, "server_a", transport, **settings) as server_a:
            seen = await node("mcp_client.js", transport, f"http://{server_a.address}/{path}")

    assert seen["errors"] == []
    assert {"send_message", "send_message_stream", "check_server_b_health"} <= set(seen["tools"])
    assert seen["answer"]["structuredContent"]["aiResponse"] == seen["answer"]["content"][0]["text"]
    text = seen["stream"]["content"][0]["text"]
    assert text.endswith("This is a streaming test response.")
    assert text.startswith("".join(note.get("message", "") for note in seen["progress"]))
    assert seen["progress"]
    assert seen["refused"]["isError"]
    assert "message: must not be blank" in seen["refused"]["content"][0]["text"]
    assert "abort" in seen["left"].lower()
