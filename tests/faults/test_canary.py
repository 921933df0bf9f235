"""Canaries: secrets are put in, every fault is caused through every door, and all output is searched for them.

Keys and tokens must appear nowhere, nor may a prompt. An answer's text may appear only in the answer. A provider's
headers and the text of its errors must appear nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from grpc_reflection.v1alpha import reflection_pb2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.wire.errors import error_from_call
from tests.faults.conftest import FULL, RecordFault
from tests.standins.bedrock import BedrockStandIn
from tests.standins.openai import REDIRECT_MODEL, REDIRECTED_PATH, OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script
from tests.standins.server import StandIn
from tests.support.mcp_stdio import StdioServer, stdio_server
from tests.support.programs import Program, running
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving
from tests.support.wire import Metadata, Wire, refusal, wire

pytestmark = pytest.mark.anyio

KEY = "sk-canary0key"
TOKENS = ("canary0token0ann", "canary0token0gateway", "canary0token0desk")
PROMPT: dict[str, Any] = {
    "message": "canary0message",
    "context": "canary0context",
    "history": [{"role": "user", "text": "canary0turn"}, {"role": "assistant", "text": "canary0reply"}],
}
ANSWER = "canary0answer"
HEADER, WORDS = "canary0header", "canary0words"
WRONG_TOKEN = "canary0wrong"
NEVER = (KEY, *TOKENS, WRONG_TOKEN, "canary0message", "canary0context", "canary0turn", "canary0reply", HEADER, WORDS)
PROVIDERS_OWN = ("req_standin", "3f1c2a5e-0000-4000-8000-000000000000")
"""Values in the headers of each stand-in's answers."""
CORES_OWN = re.compile(r"[IWEF]\d{4} ")
"""Lines of gRPC's core, which GRPC_VERBOSITY asked for."""

ALL_SAID = f"{WORDS}: {KEY} may not say canary0message"
PATIENCE_S = 10.0
"""Timeout of every call. Hanging calls run side by side, and no other call should take nearly as long."""
SPOKEN = Script(words=(ANSWER, " and ", ANSWER, "."))
MCP_HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
LOUD = {
    "LOG_FORMAT": "json",
    "OPENAI_LOG": "debug",
    "GRPC_VERBOSITY": "debug",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONWARNINGS": "always",
}


def _status(status: int, **fault: Any) -> Fault:
    headers = {"retry-after": "1", "x-canary": HEADER}
    return Fault(kind=FaultKind.STATUS, status=status, headers=headers, message=ALL_SAID, **fault)


FAULTS: dict[str, Fault | None] = {
    "none": None,
    **{f"status {status}": _status(status) for status in (400, 401, 403, 404, 429, 500, 503)},
    "error event": Fault(kind=FaultKind.ERROR_EVENT, after=1, message=ALL_SAID),
    **{
        kind.value.replace("_", " "): Fault(kind=kind, after=1)
        for kind in (
            FaultKind.CUT,
            FaultKind.RESET,
            FaultKind.MALFORMED,
            FaultKind.MALFORMED_FRAME,
            FaultKind.MALFORMED_JSON,
            FaultKind.INVALID_UTF8,
            FaultKind.NO_END,
        )
    },
    "cut before": Fault(kind=FaultKind.CUT_BEFORE),
}
HANGS = {kind.value: Fault(kind=kind, after=1) for kind in (FaultKind.HANG_DURING, FaultKind.HANG)}
"""Faults that hang, by the model that asks for them."""


@dataclass(slots=True)
class Shown:
    """What a door returned, without the text of answers."""

    outcome: str
    """OK or the reason."""
    told: str


Ask = Callable[[dict[str, Any]], Awaitable[Shown]]
NUMBERS = itertools.count(1000)
"""Request ids over stdio."""


@dataclass(slots=True)
class Doors:
    """Every door as two functions: whole and streamed."""

    asks: dict[str, tuple[Ask, Ask]]
    wire: Wire
    http: httpx2.AsyncClient
    mcp: httpx2.AsyncClient
    sse: httpx2.AsyncClient
    stdio: StdioServer
    told: list[str] = field(default_factory=list)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _grpc_ask(client: Wire, *, streamed: bool, token: str = TOKENS[0]) -> Ask:
    metadata: Metadata = tuple(_bearer(token).items())

    async def ask(fields: dict[str, Any]) -> Shown:
        turns = [pb.Turn(role=pb.Role.Value(f"ROLE_{t['role'].upper()}"), text=t["text"]) for t in fields["history"]]
        request_type = pb.StreamProcessRequest if streamed else pb.ProcessRequest
        request = request_type(**{**fields, "history": turns})
        call: Any
        if streamed:
            call = client.stream(request, metadata, PATIENCE_S)
        else:
            call = client.whole("Process", request, metadata, PATIENCE_S)
        told, outcome = "", "OK"
        try:
            if streamed:
                async for data in call:
                    event = pb.StreamProcessResponse.FromString(data)
                    told += str(event) if event.WhichOneof("event") != "delta" else ""
            else:
                answer = pb.ProcessResponse.FromString(await call)
                answer.text = ""
                told = str(answer)
        except grpc.aio.AioRpcError as error:
            told += f"{error.details()} {error.debug_error_string()}"
            outcome = error_from_call(error).reason
        ends = (await call.initial_metadata(), await call.trailing_metadata())
        return Shown(outcome, f"{told} {ends}")

    return ask


def _http_ask(client: httpx2.AsyncClient, path: str, token: str = TOKENS[0]) -> Ask:
    async def ask(fields: dict[str, Any]) -> Shown:
        headers = {**_bearer(token), "x-request-timeout": str(PATIENCE_S)}
        response = await client.post(path, json=fields, headers=headers)
        lines = [line for line in response.text.splitlines() if not line.startswith('data: {"content"')]
        text = "\n".join(lines)
        if response.status_code == 200 and path == "/process":
            text = json.dumps({**response.json(), "aiResponse": ""})
        reason = re.search(r'"reason": ?"([A-Z_]+)"', text)
        return Shown(reason[1] if reason else "OK", f"{response.headers} {text}")

    return ask


def _without_text(result: dict[str, Any]) -> Shown:
    """Removes the answer's text from a successful tool result."""
    if result.get("isError"):
        return Shown(result["_meta"]["reason"], json.dumps(result))
    content = {**result["structuredContent"], "text": "", "aiResponse": ""}
    return Shown("OK", json.dumps({**result, "content": [], "structuredContent": content}))


def _mcp_ask(client: Client, tool: str) -> Ask:
    async def ask(fields: dict[str, Any]) -> Shown:
        try:
            result = await client.call_tool(tool, fields)
        except MCPError as error:
            return Shown("refused", f"{error} {error.error}")
        return _without_text(result.model_dump(mode="json", by_alias=True, exclude_none=True))

    return ask


def _stdio_ask(server: StdioServer, tool: str) -> Ask:
    async def ask(fields: dict[str, Any]) -> Shown:
        number = next(NUMBERS)
        await server.call(number, tool, fields)
        return _without_text((await server.answer(number))["result"])

    return ask


@contextlib.asynccontextmanager
async def _doors(folder: Path, provider: dict[str, str], **logs: str) -> AsyncIterator[tuple[Doors, list[list[str]]]]:
    """Starts all programs with tokens; yields the doors and what each program writes to stderr."""
    accepted = ",".join(f"{name}:{token}" for name, token in zip(("ann", "gateway", "desk"), TOKENS, strict=True))
    logs = {**logs, "TIMEOUT_SECONDS": str(PATIENCE_S)}
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, *arguments: str, **settings: str) -> Program:
            given = {"RELAY_TOKENS": accepted, **logs, **settings}
            return await stack.enter_async_context(running(folder, name, *arguments, **given))

        server_b = await start("server_b", GRPC_PORT="0", RETRY_ATTEMPTS="1", RELAY_DELEGATES="gateway", **provider)
        near = {"SERVER_B_TARGET": server_b.address}
        gateway = await start("gateway", HTTP_PORT="0", RELAY_TOKEN=TOKENS[1], **near)
        mcp_http = await start("server_a", "http", MCP_PORT_A="0", RELAY_TOKEN=TOKENS[2], **near)
        mcp_sse = await start("server_a", "sse", MCP_PORT_A="0", RELAY_TOKEN=TOKENS[2], **near)
        piped: dict[str, Any] = {"RELAY_TOKEN": TOKENS[2], **near, **logs}
        stdio = await stack.enter_async_context(stdio_server(folder, "server_a", "stdio", **piped))
        await stdio.initialize()
        doors = await _open_doors(stack, server_b, gateway, mcp_http, mcp_sse, stdio)
        yield doors, [*(program.lines for program in (server_b, gateway, mcp_http, mcp_sse)), stdio.log]


async def _open_doors(
    stack: contextlib.AsyncExitStack,
    server_b: Program,
    gateway: Program,
    mcp_http: Program,
    mcp_sse: Program,
    stdio: StdioServer,
) -> Doors:
    async def plain(program: Program, **headers: str) -> httpx2.AsyncClient:
        client = httpx2.AsyncClient(base_url=f"http://{program.address}", headers=headers, timeout=30, trust_env=False)
        return await stack.enter_async_context(client)

    client, http = await stack.enter_async_context(wire(server_b.address)), await plain(gateway)
    mcp = await plain(mcp_http, **_bearer(TOKENS[0]), **MCP_HEADERS)
    streamable = await stack.enter_async_context(
        Client(streamable_http_client(f"http://{mcp_http.address}/mcp", http_client=mcp))
    )
    sse = sse_client(f"http://{mcp_sse.address}/sse", headers=_bearer(TOKENS[0]))
    events = await stack.enter_async_context(Client(sse, mode="legacy"))
    tools = ("send_message", "send_message_stream")
    asks: dict[str, tuple[Ask, Ask]] = {
        "grpc": (_grpc_ask(client, streamed=False), _grpc_ask(client, streamed=True)),
        "http": (_http_ask(http, "/process"), _http_ask(http, "/stream")),
        "mcp-http": (_mcp_ask(streamable, tools[0]), _mcp_ask(streamable, tools[1])),
        "mcp-sse": (_mcp_ask(events, tools[0]), _mcp_ask(events, tools[1])),
        "mcp-stdio": (_stdio_ask(stdio, tools[0]), _stdio_ask(stdio, tools[1])),
    }
    return Doors(asks, client, http, mcp, await plain(mcp_sse, **_bearer(TOKENS[0])), stdio)


async def _ask_all(doors: Doors, fault: str, record_fault: RecordFault, fields: dict[str, Any]) -> set[str]:
    """Calls every door, whole and streamed; returns the outcomes."""

    async def ask(door: str, one: Ask) -> Shown:
        began_at = time.monotonic()
        shown = await one(fields)
        record_fault(fault=fault, door=door, outcome=shown.outcome, seconds=time.monotonic() - began_at)
        return shown

    answers = await asyncio.gather(*(ask(door, one) for door, asks in doors.asks.items() for one in asks))
    doors.told += [shown.told for shown in answers]
    return {shown.outcome for shown in answers}


async def _ask_badly(doors: Doors) -> None:
    """Sends requests that are refused: bad fields, too large, and without a valid token."""
    bad: list[dict[str, Any]] = [
        {**PROMPT, "temperature": 9.0},
        {**PROMPT, "request_id": "canary0message is no id"},
        {**PROMPT, "message": "canary0message\0"},
    ]
    too_much = {**PROMPT, "message": "canary0message" * 500_000}
    asked = [(ask, fields) for asks in doors.asks.values() for ask in asks for fields in bad]
    asked += [(ask, too_much) for door in ("grpc", "http", "mcp-http") for ask in doors.asks[door]]
    for ask, fields in asked:
        shown = await ask(fields)
        assert shown.outcome != "OK"
        doors.told.append(shown.told)
    for ask in (
        _grpc_ask(doors.wire, streamed=False, token=WRONG_TOKEN),
        _grpc_ask(doors.wire, streamed=True, token=WRONG_TOKEN),
        _http_ask(doors.http, "/process", WRONG_TOKEN),
        _http_ask(doors.http, "/stream", WRONG_TOKEN),
    ):
        shown = await ask(PROMPT)
        assert shown.outcome == "UNAUTHENTICATED"
        doors.told.append(shown.told)
    await _speak_badly(doors)
    broken = await doors.http.post("/process", content=b'{"message": "canary0message', headers=_bearer(TOKENS[0]))
    doors.told.append(broken.text)


async def _speak_badly(doors: Doors) -> None:
    """Sends malformed MCP messages over SSE, stdio and HTTP."""
    async with doors.sse.stream("GET", "/sse") as events:
        lines, path = events.aiter_lines(), ""
        while not path:
            path = (await anext(lines)).partition("data: ")[2]
        for line in ('{"canary0message', '{"jsonrpc": "2.0", "id": ["canary0message"], "method": "ping"}'):
            doors.told.append((await doors.sse.post(path, content=line)).text)
    number = 9000
    for params in (
        "canary0message",
        {"name": "canary0message"},
        {"name": "send_message", "arguments": "canary0message"},
    ):
        for method in ("tools/call", "canary0message"):
            number += 1
            message = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            await doors.stdio.write(message)
            answer = await doors.mcp.post("/mcp", content=message)
            doors.told.append(f"{answer.headers}")
    for line in (
        '{"canary0message',
        '"canary0message"',
        '[{"canary0message": 1}]',
        '{"jsonrpc": "canary0message", "id": 1}',
    ):
        await doors.stdio.write(line)
        doors.told.append(str((await doors.mcp.post("/mcp", content=line)).headers))


async def _leave(doors: Doors, provider: StandIn) -> None:
    """Starts a call that hangs and leaves, at the two doors where that is one step."""
    provider.script = Script(words=SPOKEN.words, fault=Fault(kind=FaultKind.HANG_DURING, after=2))
    for whole, streamed in (doors.asks["grpc"], doors.asks["http"]):
        for ask in (whole, streamed):
            before = len(provider.requests)
            task = asyncio.ensure_future(ask(PROMPT))
            while len(provider.requests) == before:
                await provider.next_request()
            task.cancel()
            await asyncio.wait([task])
            await provider.requests[before].ended()


async def _look_around(doors: Doors) -> None:
    """Reads everything that describes the servers themselves."""
    token = _bearer(TOKENS[0])
    for path in ("/health", "/config", "/models", "/openapi.json", "/docs", "/nothing"):
        response = await doors.http.get(path, headers=token)
        doors.told.append(f"{response.headers} {response.text}")
    metadata = tuple(token.items())
    for method, request in (("GetStatus", pb.GetStatusRequest()), ("ListModels", pb.ListModelsRequest())):
        call = doors.wire.whole(method, request, metadata)
        with contextlib.suppress(grpc.aio.AioRpcError):
            doors.told.append(str(await call))
        doors.told.append(f"{await call.details()} {await call.initial_metadata()} {await call.trailing_metadata()}")
    reflect: Any = doors.wire.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    requests = (
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="relay.v1.RelayService"),
    )
    async for answer in reflect((one.SerializeToString() for one in requests), metadata=metadata):
        doors.told.append(str(answer))


def _found(texts: list[str], canaries: tuple[str, ...]) -> list[str]:
    return [
        f"{canary}: …{text[max(0, text.find(canary) - 200) :][:400]}…"
        for text in texts
        for canary in canaries
        if canary in text
    ]


STACKS = [("openai", "loud"), *([("openai", "text"), ("bedrock", "loud"), ("bedrock", "text")] if FULL else [])]


@pytest.mark.parametrize(("name", "logs"), STACKS)
async def test_no_canary_is_ever_revealed(name: str, logs: str, tmp_path: Path, record_fault: RecordFault) -> None:
    stand_in = OpenAIStandIn() if name == "openai" else BedrockStandIn()
    async with stand_in as provider:
        settings = {
            "AI_PROVIDER": name,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": provider.url,
        }
        async with _doors(tmp_path, settings, **(LOUD if logs == "loud" else {})) as (doors, written):
            for fault, kind in FAULTS.items():
                provider.script = Script(words=SPOKEN.words, fault=kind)
                outcomes = await _ask_all(doors, f"{name}: {fault}", record_fault, PROMPT)
                assert (outcomes == {"OK"}) is (kind is None), fault
                assert len(outcomes) == 1, (fault, outcomes)
            provider.scripts = {model: Script(words=SPOKEN.words, fault=hang) for model, hang in HANGS.items()}
            hung = [_ask_all(doors, f"{name}: {model}", record_fault, {**PROMPT, "model": model}) for model in HANGS]
            assert await asyncio.gather(*hung) == [{"DEADLINE_EXCEEDED"}] * len(HANGS)
            await _leave(doors, provider)
            await _ask_badly(doors)
            await _look_around(doors)
    assert provider.requests
    log = ["".join(lines) for lines in written]
    assert all(log)
    assert _found([*log, *doors.told], (*NEVER, *PROVIDERS_OWN)) == []
    assert _found([*log, *doors.told], (ANSWER,)) == []
    if logs == "loud":
        assert [line for lines in written for line in lines if not _is_json(line) and not CORES_OWN.match(line)] == []


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


async def test_an_unexpected_error_logs_its_class_and_its_place_only(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError(ALL_SAID)
    async with serving(ScriptedProvider([error]), tokens=f"ann:{TOKENS[0]}") as server, wire(server.target) as client:
        metadata = tuple(_bearer(TOKENS[0]).items())
        for call in (
            client.whole("Process", pb.ProcessRequest(message=PROMPT["message"]), metadata),
            client.stream(pb.StreamProcessRequest(message=PROMPT["message"]), metadata),
        ):
            code, text, info, status = await refusal(call)
            assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
            assert _found([text, str(status), str(await call.initial_metadata()), caplog.text], NEVER) == []
    assert "ValueError at" in caplog.text


async def test_a_redirect_of_the_provider_is_not_followed(tmp_path: Path) -> None:
    async with OpenAIStandIn() as provider:
        settings = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": provider.base_url}
        async with (
            running(tmp_path, "server_b", GRPC_PORT="0", **settings) as server_b,
            wire(server_b.address) as client,
        ):
            code, *_ = await refusal(client.whole("Process", pb.ProcessRequest(message="Hi", model=REDIRECT_MODEL)))
    assert code is not grpc.StatusCode.OK
    assert REDIRECTED_PATH not in [request.path for request in provider.requests]
