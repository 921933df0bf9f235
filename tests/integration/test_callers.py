"""Who may call, with the real programs: every door asks for a token, reveals nothing without one, and logs names."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.messages import Prompt
from tests.support.programs import Program, running
from tests.support.wire import METHODS, Metadata, Wire, events, refusal, wire

pytestmark = pytest.mark.anyio

OLD, NEW = "anns-old-secret", "anns-new-secret"
CALLERS = f"ann:{OLD},ann:{NEW},bob:bobs-secret"
PROGRAMS = "gateway:gateways-secret,desk:desks-secret,laptop:laptops-secret"
SECRETS = (OLD, NEW, "bobs-secret", "gateways-secret", "desks-secret", "laptops-secret")
NOBODY = (
    None,
    "Bearer wrong",
    f"Bearer {OLD[:-1]}",
    f"Bearer {OLD}x",
    f"Basic {OLD}",
    OLD,
    "Bearer",
    "Bearer ann:" + OLD,
)
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Relay:
    """All the programs, with tokens."""

    server_b: Program
    gateway: Program
    mcp_http: Program
    mcp_sse: Program

    def logged(self, program: Program, message: str = "call") -> dict[str, dict[str, Any]]:
        """Returns the log's lines with this message, by their request_id; every line must be JSON."""
        lines = [json.loads(line) for line in program.lines]
        return {line["request_id"]: line for line in lines if line["message"] == message}


@contextlib.asynccontextmanager
async def relaying(folder: Path, *, delegates: str) -> AsyncIterator[Relay]:
    """Starts the programs. Server A is the caller `desk` over HTTP, and `laptop` over SSE."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, *arguments: str, **settings: str) -> Program:
            return await stack.enter_async_context(running(folder, name, *arguments, LOG_FORMAT="json", **settings))

        mock = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}
        tokens = f"{PROGRAMS},{CALLERS}"
        server_b = await start("server_b", GRPC_PORT="0", RELAY_TOKENS=tokens, RELAY_DELEGATES=delegates, **mock)
        near = {"SERVER_B_TARGET": server_b.address, "RELAY_TOKENS": CALLERS}
        gateway = await start("gateway", HTTP_PORT="0", RELAY_TOKEN="gateways-secret", **near)
        mcp_http = await start("server_a", "http", MCP_PORT_A="0", RELAY_TOKEN="desks-secret", **near)
        mcp_sse = await start("server_a", "sse", MCP_PORT_A="0", RELAY_TOKEN="laptops-secret", **near)
        yield Relay(server_b, gateway, mcp_http, mcp_sse)


@pytest.fixture(scope="module")
async def relay(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Relay]:
    async with relaying(tmp_path_factory.mktemp("relay"), delegates="gateway,desk") as started:
        yield started


def _headers(authorization: str | None) -> dict[str, str]:
    return {} if authorization is None else {"authorization": authorization}


ROUTES = [("POST", "/process"), ("POST", "/stream"), ("POST", "/cancel/x")]
ROUTES += [("GET", path) for path in ("/models", "/config", "/openapi.json", "/nothing", "/health/", "//health")]
MCP_ROUTES = [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/nothing")]
SSE_ROUTES = [("GET", "/sse"), ("POST", "/messages/?session_id=" + "0" * 32), ("GET", "/nothing")]


@pytest.mark.parametrize(
    ("door", "method", "path"),
    [
        *(("gateway", *route) for route in ROUTES),
        *(("mcp_http", *route) for route in MCP_ROUTES),
        *(("mcp_sse", *route) for route in SSE_ROUTES),
    ],
)
async def test_http_doors_answer_missing_and_wrong_credentials_the_same(
    relay: Relay, door: str, method: str, path: str
) -> None:
    program: Program = getattr(relay, door)
    async with httpx2.AsyncClient(base_url=f"http://{program.address}", timeout=LIMIT_S, trust_env=False) as client:
        answers = [await client.request(method, path, headers=_headers(given), json={}) for given in NOBODY]
    assert {answer.status_code for answer in answers} == {401}
    assert len({_without_ids(answer) for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"] == "Bearer"


def _without_ids(answer: httpx2.Response) -> str:
    request_id = answer.headers.get("x-request-id", "-")
    shown = sorted((name, value) for name, value in answer.headers.items() if name != "date")
    return f"{shown} {answer.text}".replace(request_id, "ID")


async def test_grpc_answers_missing_and_wrong_credentials_the_same(relay: Relay) -> None:
    seen = set()
    async with wire(relay.server_b.address) as client:
        for given in NOBODY:
            metadata = tuple(_headers(given).items())
            for call in _closed(client, metadata):
                code, text, info, status = await refusal(call)
                headers = [name for name, _ in await call.initial_metadata()]
                seen.add((code, text, info.reason, str(status), str(headers)))
    assert [(code, reason) for code, _, reason, *_ in seen] == [(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")]


def _closed(client: Wire, metadata: Metadata) -> list[Any]:
    """Begins a call to everything that needs a token: the relay's methods, reflection, and an unknown method."""
    begin: list[Any] = [client.begin(method, METHODS[method](), metadata) for method in METHODS]
    for service in ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"):
        reflect: Any = client.channel.stream_stream(f"/{service}/ServerReflectionInfo")
        begin.append(reflect(timeout=LIMIT_S, metadata=metadata))
    return [*begin, client.whole("NoSuchMethod", b"", metadata)]


async def test_health_is_open_to_everybody(relay: Relay) -> None:
    async with grpc.aio.insecure_channel(relay.server_b.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="relay.v1.RelayService")
        assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        watch = stub.Watch(request)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
    for given in NOBODY:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://{relay.gateway.address}/health", headers=_headers(given))
        assert (answer.status_code, answer.json()["status"]) == (200, "healthy")


async def _ask_every_door(relay: Relay, token: str) -> None:
    """Calls once through each door with this token; the request's id is the door's name and the token."""
    bearer = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=f"http://{relay.gateway.address}", headers=bearer, trust_env=False) as http:
        body = {"message": "Hi", "request_id": f"gateway-{token}"}
        assert (await http.post("/process", json=body)).status_code == 200
    url, sse = f"http://{relay.mcp_http.address}/mcp", sse_client(f"http://{relay.mcp_sse.address}/sse", headers=bearer)
    async with (
        httpx2.AsyncClient(headers=bearer, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as mcp_http,
        Client(sse, mode="legacy") as mcp_sse,
    ):
        for door, client in (("http", mcp_http), ("sse", mcp_sse)):
            arguments = {"message": "Hi", "request_id": f"{door}-{token}"}
            assert not (await client.call_tool("send_message", arguments)).is_error
    async with RelayClient(Dial(target=relay.server_b.address, token=token)) as direct:
        await direct.process(Prompt(message="Hi", request_id=f"grpc-{token}"), on_behalf_of="somebody")


async def test_logs_name_the_caller_behind_a_delegate_and_never_a_secret(tmp_path: Path) -> None:
    async with relaying(tmp_path, delegates="gateway,desk") as relay:
        for token in (OLD, NEW):
            await _ask_every_door(relay, token)
        await relay.server_b.told(CALL_LINE, times=2 * len(DOORS))
    calls = relay.logged(relay.server_b)
    for token in (OLD, NEW):  # two tokens of one name, which a rotation needs
        named = {door: (calls[f"{door}-{token}"]["caller"], calls[f"{door}-{token}"]["protocol"]) for door in DOORS}
        assert named == {
            "gateway": ("gateway/ann", "http"),
            "http": ("desk/ann", "mcp"),
            "sse": ("laptop", "mcp"),  # not a delegate: no caller speaks through it
            "grpc": ("ann", "grpc"),
        }
    assert {line["caller"] for line in relay.logged(relay.gateway, "request").values()} == {"ann"}
    for program in _programs(relay):
        assert [json.loads(line)["level"] for line in program.lines]
    # The ids of this test's requests contain a token; no other value may.
    written = "".join(line for program in _programs(relay) for line in program.lines)
    for door in DOORS:
        written = written.replace(f"{door}-{OLD}", "").replace(f"{door}-{NEW}", "")
    assert not [secret for secret in SECRETS if secret in written]


DOORS = ("gateway", "http", "sse", "grpc")
CALL_LINE = '"message": "call"'


def _programs(relay: Relay) -> tuple[Program, ...]:
    return relay.server_b, relay.gateway, relay.mcp_http, relay.mcp_sse


async def test_without_delegates_every_caller_of_the_gateway_is_the_gateway(tmp_path: Path) -> None:
    async with (
        relaying(tmp_path, delegates="") as relay,
        asyncio.timeout(LIMIT_S),
        httpx2.AsyncClient(base_url=f"http://{relay.gateway.address}", trust_env=False) as http,
    ):
        for name, token in (("ann", OLD), ("bob", "bobs-secret")):
            body = {"message": "Hi", "request_id": name}
            answer = await http.post("/process", json=body, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
        await relay.server_b.told(CALL_LINE, times=2)
    assert [line["caller"] for line in relay.logged(relay.server_b).values()] == ["gateway", "gateway"]


async def test_one_caller_cannot_touch_the_call_of_another_behind_the_same_gateway(relay: Relay) -> None:
    base = f"http://{relay.gateway.address}"
    async with httpx2.AsyncClient(base_url=base, trust_env=False, timeout=LIMIT_S) as http:
        answers = [
            (
                await http.post(
                    "/process",
                    json={"message": who, "request_id": "same"},
                    headers={"Authorization": f"Bearer {token}"},
                )
            )
            for who, token in (("ann", OLD), ("bob", "bobs-secret"))
        ]
    assert ["'ann'" in answers[0].text, "'bob'" in answers[1].text] == [True, True]


async def test_every_log_line_is_json_whatever_arrives(tmp_path: Path) -> None:
    async with relaying(tmp_path, delegates="") as relay:
        for program in _programs(relay):
            for data in (
                b"garbage\r\n\r\n",
                b"\x16\x03\x01\x00\x05hello",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 20,
            ):
                await _say(program, data)
    lines = [line for program in _programs(relay) for line in program.lines]
    assert {json.loads(line)["level"] for line in lines} >= {"INFO", "WARNING"}


async def _say(program: Program, data: bytes) -> None:
    """Writes bytes that are no request, and waits until the program closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(data)
    writer.write_eof()
    async with asyncio.timeout(LIMIT_S):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    writer.close()


async def test_a_stream_over_grpc_needs_its_token_too(relay: Relay) -> None:
    async with wire(relay.server_b.address) as client:
        call = client.stream(pb.StreamProcessRequest(message="Hi"), (("authorization", f"Bearer {NEW}"),))
        *_, last = await events(call)
    assert last.WhichOneof("event") == "finished"
