"""MCP over HTTP, with Server A as the example: who is accepted, how it stops, what stops its start."""

import asyncio
import json
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llm_relay.tls.authority import Authority
from tests.support.logged import without_time
from tests.support.mcp_http import ACCEPT, INITIALIZE, MODERN, PING, TIMEOUT_S, call, client, modern_call, open_session
from tests.support.mcp_stdio import STOP_LIMIT_S, stdio_server
from tests.support.programs import Program, running
from tests.support.scripted import End, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1"
MAX_MESSAGE_BYTES = 100_000
PATHS = ["/mcp", "/nowhere"]


@pytest.fixture(scope="module")
async def open_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """Server A over HTTP without tokens."""
    settings = {
        "MCP_ALLOWED_HOSTS": "relay.example, other.example:8443",
        "MCP_ALLOWED_ORIGINS": "https://app.example",
        "MAX_MESSAGE_BYTES": str(MAX_MESSAGE_BYTES),
    }
    folder = tmp_path_factory.mktemp("open")
    async with running(folder, "server_a", "http", MCP_PORT_A="0", SERVER_B_TARGET=NOWHERE, **settings) as program:
        yield program


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8001", "relay.example:99", "other.example:8443"])
async def test_an_allowed_host_is_accepted(open_server: Program, host: str) -> None:
    async with client(open_server, Host=host) as http:
        assert (await http.post("/mcp", json=INITIALIZE)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80", "other.example:1", "127.0.0.1.nip.io"])
async def test_another_host_is_refused(open_server: Program, host: str, path: str) -> None:
    async with client(open_server, Host=host) as http:
        refusal = await http.post(path, json=INITIALIZE)
    assert refusal.status_code == 421
    assert "MCP_ALLOWED_HOSTS" in refusal.text


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 200),
        ("https://127.0.0.1", 200),
        ("https://app.example", 200),
        ("https://app.example.evil.example", 403),
        ("http://app.example", 403),
        ("null", 403),
    ],
)
async def test_a_web_page_must_have_an_allowed_origin(open_server: Program, origin: str, status: int) -> None:
    async with client(open_server, Origin=origin) as http:
        assert (await http.post("/mcp", json=INITIALIZE)).status_code == status


@pytest.mark.parametrize(
    "fields", ["Host: localhost\r\nHost: evil.example", "Host: h\r\nOrigin: http://localhost\r\nOrigin: null"]
)
async def test_one_of_two_headers_is_not_mistaken_for_the_only_one(open_server: Program, fields: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", open_server.port)
    writer.write(f"POST /mcp HTTP/1.1\r\n{fields}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(TIMEOUT_S):
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_body_over_the_limit_is_refused_and_survived(open_server: Program) -> None:
    async with client(open_server) as http:
        large = modern_call(message="x" * 2 * MAX_MESSAGE_BYTES)
        assert (await http.post("/mcp", json=large, headers=MODERN)).status_code == 413
        assert (await http.post("/mcp", json=INITIALIZE)).status_code == 200


@pytest.mark.parametrize("body", [b"no JSON", b"[" * 90_000, b'{"jsonrpc": "2.0", "id": 1}', b"\xff", b"1e999999"])
@pytest.mark.parametrize("headers", [ACCEPT, MODERN], ids=["legacy", "modern"])
async def test_a_bad_body_is_refused_and_survived(open_server: Program, body: bytes, headers: dict[str, str]) -> None:
    async with client(open_server) as http:
        assert (await http.post("/mcp", content=body, headers=headers)).status_code == 400
        assert (await http.post("/mcp", json=INITIALIZE)).status_code == 200


@pytest.fixture(scope="module")
async def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """Server A over HTTP with tokens, and a Server B that lets it speak for its callers."""
    async with (
        serving(tokens="a:secret-of-a", delegates=("a",)) as server_b,
        running(
            tmp_path_factory.mktemp("guarded"),
            "server_a",
            "http",
            MCP_PORT_A="0",
            SERVER_B_TARGET=server_b.target,
            RELAY_TOKEN="secret-of-a",
            RELAY_TOKENS="ann:secret-1,ann:secret-2,bob:secret-3",
        ) as program,
    ):
        yield program


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret-1"}])
async def test_without_a_valid_token_nothing_is_open(
    guarded_server: Program, headers: dict[str, str], path: str
) -> None:
    async with client(guarded_server, **headers) as http:
        refusal = await http.post(path, json=INITIALIZE)
    assert refusal.status_code == 401
    assert refusal.headers["www-authenticate"] == "Bearer"


async def test_a_session_belongs_to_the_caller_who_opened_it(guarded_server: Program) -> None:
    async with client(guarded_server) as http:
        opened = await http.post("/mcp", json=INITIALIZE, headers={"Authorization": "Bearer secret-1"})
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        statuses = [
            (await http.post("/mcp", json=PING, headers={**session, "Authorization": f"Bearer {token}"})).status_code
            for token in ("secret-1", "secret-2", "secret-3")
        ]
    assert statuses == [200, 200, 404]


async def test_callers_are_kept_apart_down_to_server_b(guarded_server: Program) -> None:
    async with client(guarded_server) as http:

        async def ask(token: str, message: str) -> dict[str, Any]:
            headers = {**MODERN, "Authorization": f"Bearer {token}"}
            body = modern_call(message=message, request_id="the-same")
            return dict((await http.post("/mcp", json=body, headers=headers)).json()["result"])

        assert not (await ask("secret-1", "from Ann"))["isError"]
        assert not (await ask("secret-3", "from Bob"))["isError"]
        assert (await ask("secret-2", "from Ann again"))["_meta"]["reason"] == "INVALID_REQUEST"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_signal_ends_it_well_during_a_call_and_a_stream(
    tmp_path: Path, transport: str, number: signal.Signals
) -> None:
    provider = ScriptedProvider([asyncio.Event()])
    async with (
        serving(provider) as server_b,
        running(
            tmp_path, "server_a", transport, MCP_PORT_A="0", SERVER_B_TARGET=server_b.target, DRAIN_SECONDS="0.1"
        ) as program,
        client(program) as http,
    ):
        answers = await (_under_way_over_sse(http) if transport == "sse" else _under_way(http))
        async with asyncio.timeout(20):
            await provider.until_waiting()
        assert await program.stop(number, within_s=STOP_LIMIT_S) == 0
        assert await provider.until_ended() is End.ABORTED
        assert "DRAINING" in await answers
    assert [without_time(line) for line in program.lines] == [
        f"INFO relay Starting Server A (MCP) with {transport.upper()} transport on {program.address}"
    ]


async def _under_way(http: httpx2.AsyncClient) -> asyncio.Task[str]:
    """Opens a session and its stream, and calls a tool; returns the task of the call's answer."""
    await open_session(http)
    await http.send(http.build_request("GET", "/mcp"), stream=True)

    async def text() -> str:
        return (await http.post("/mcp", json=call(message="Hi"))).text

    return asyncio.create_task(text())


async def _under_way_over_sse(http: httpx2.AsyncClient) -> asyncio.Task[str]:
    stream = await http.send(http.build_request("GET", "/sse"), stream=True)
    lines = stream.aiter_lines()
    path = ""
    async for line in lines:
        if line.startswith("data: "):
            path = line.removeprefix("data: ")
            break
    for message in (INITIALIZE, call(message="Hi")):
        assert (await http.post(path, content=json.dumps(message))).status_code == 202

    async def text() -> str:
        return "".join([line async for line in lines])

    return asyncio.create_task(text())


async def _refusal(folder: Path, **settings: str) -> tuple[int, list[str]]:
    """Starts Server A over HTTP, which must fail; returns the exit code and what it wrote."""
    settings = {"MCP_PORT_A": "0", **settings}
    async with stdio_server(folder, "server_a", "http", stdout=asyncio.subprocess.PIPE, **settings) as server:
        async with asyncio.timeout(20):
            code = await server.process.wait()
    return code, server.log


async def test_a_busy_port_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, log = await _refusal(tmp_path, MCP_PORT_A=str(port))
    assert code == 1
    assert len(log) == 1
    assert "MCP_PORT_A" in log[0]
    assert f"127.0.0.1:{port}" in log[0]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"MCP_HOST": "0.0.0.0"}, "RELAY_TOKENS"),
        ({"MCP_HOST": "0.0.0.0", "RELAY_TOKENS": "ann:secret"}, "TLS"),
        ({"HTTP_TLS_CERT_FILE": "here.pem"}, "HTTP_TLS_KEY_FILE"),
        ({"HTTP_TLS_CERT_FILE": "no.pem", "HTTP_TLS_KEY_FILE": "no.key"}, "HTTP_TLS_CERT_FILE"),
        ({"SERVER_B_TLS": "true", "SERVER_B_CA_FILE": "no.pem"}, "SERVER_B_CA_FILE"),
        ({"MCP_TRANSPORT": "carrier pigeon"}, "MCP_TRANSPORT"),
        ({"SERVER_B_TARGET": "http://127.0.0.1:50051"}, "SERVER_B_TARGET"),
        ({"RELAY_TOKENS": "secret"}, "RELAY_TOKENS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
async def test_a_bad_setting_stops_the_start_with_one_line(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    code, log = await _refusal(tmp_path, **settings)
    assert code == 2
    assert len(log) == 1, log
    assert named in log[0]


async def test_it_serves_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("relay")
    tls = {"HTTP_TLS_CERT_FILE": pair.cert_file, "HTTP_TLS_KEY_FILE": pair.key_file}
    async with running(tmp_path, "server_a", "http", MCP_PORT_A="0", SERVER_B_TARGET=NOWHERE, **tls) as program:
        trusted = ssl.create_default_context(cafile=authority.ca_file)
        async with httpx2.AsyncClient(verify=trusted, headers=ACCEPT, trust_env=False, timeout=20) as http:
            opened = await http.post(f"https://{program.address}/mcp", json=INITIALIZE)
    assert opened.status_code == 200
