"""`python -m gateway` and `uvicorn gateway:app`: how they start, what they print, how they stop."""

import asyncio
import contextlib
import logging
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from gateway.application import create_app
from llm_relay.tls.authority import Authority
from server_b.providers.base import Text
from tests.support.gateways import PATIENCE_S, gateway, gateway_settings, get, post, server_sent_events, socket_to
from tests.support.held_time import HELD_TIME, held_loop
from tests.support.programs import Program, environment, running
from tests.support.scripted import ENDING, OPENING, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

STOPPING = "Stopping the gateway"


def client_of(program: Program) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=f"http://{program.address}", timeout=PATIENCE_S, trust_env=False)


async def says(program: Program, text: str) -> None:
    """Waits until the program has written that to stderr."""
    await program.told(re.escape(text), within_s=PATIENCE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0(tmp_path: Path, number: signal.Signals) -> None:
    async with (
        running(tmp_path, "gateway", HTTP_PORT="0", SERVER_B_TARGET="127.0.0.1:1") as program,
        client_of(program) as client,
    ):
        await client.get("/health")  # leaves a connection open
        assert await program.stop(number) == 0


async def test_it_prints_its_address_and_server_bs_target(tmp_path: Path) -> None:
    async with running(tmp_path, "gateway", HTTP_PORT="0", SERVER_B_TARGET="unix:/run/relay.sock") as program:
        await says(program, f"Starting the gateway (HTTP) on http://127.0.0.1:{program.port}")
        await says(program, "Calls go to Server B at unix:/run/relay.sock")


async def test_a_running_call_may_end_after_the_signal(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, go_on, Text("Hello"), ENDING))
    async with (
        serving(provider) as server_b,
        running(tmp_path, "gateway", HTTP_PORT="0", SERVER_B_TARGET=server_b.target) as program,
        client_of(program) as client,
    ):
        call = asyncio.create_task(client.post("/process", json={"message": "Hi"}))
        await provider.until_waiting()
        program.process.send_signal(signal.SIGTERM)
        await says(program, STOPPING)
        go_on.set()
        assert (await call).json()["aiResponse"] == "Hello"
        assert await program.stop() == 0
        await says(program, "path=/process status=200")


@pytest.mark.parametrize("anyio_backend", [HELD_TIME], ids=["held time"])
async def test_buffered_log_lines_are_written_before_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="gateway.requests")
    app = create_app(gateway_settings())
    async with (
        contextlib.AsyncExitStack() as stack,
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client,
    ):
        stack.enter_context(held_loop().held())
        await client.get("/nowhere")
        assert not caplog.messages.count("request")
    assert caplog.messages.count("request") == 1


async def test_calls_that_outlast_the_drain_get_an_error(tmp_path: Path) -> None:
    provider = ScriptedProvider((OPENING, Text("Hel"), asyncio.Event()))
    async with (
        serving(provider) as server_b,
        running(tmp_path, "gateway", HTTP_PORT="0", DRAIN_SECONDS="0", SERVER_B_TARGET=server_b.target) as program,
        client_of(program) as client,
    ):
        body = {"message": "Hi", "request_id": "r-1"}
        whole = asyncio.create_task(client.post("/process", json=body))
        stream = asyncio.create_task(client.post("/stream", json=body))
        await provider.until_waiting(2)
        await provider.until(lambda it: it.tries[0].waiting)
        assert await program.stop() == 0
        assert ((await whole).status_code, (await whole).json()["reason"]) == (503, "DRAINING")
        *_, failure = server_sent_events((await stream).text)
        assert '"reason":"DRAINING","requestId":"r-1"' in failure["data"]


async def test_a_second_signal_ends_the_drain(tmp_path: Path) -> None:
    provider = ScriptedProvider((asyncio.Event(),))
    async with (
        serving(provider) as server_b,
        running(tmp_path, "gateway", HTTP_PORT="0", DRAIN_SECONDS="3600", SERVER_B_TARGET=server_b.target) as program,
        client_of(program) as client,
    ):
        call = asyncio.create_task(client.post("/process", json={"message": "Hi"}))
        await provider.until_waiting()
        program.process.send_signal(signal.SIGINT)
        await says(program, STOPPING)
        assert await program.stop(signal.SIGINT) == 0
        assert (await call).json()["reason"] == "DRAINING"


async def ends(folder: Path, *command: str, **settings: str) -> tuple[int, str]:
    """Runs a command that is expected to end by itself; returns its exit code and what it wrote to stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, cwd=folder, env=environment(settings), stderr=subprocess.PIPE
    )
    async with asyncio.timeout(3 * PATIENCE_S):
        _, told = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def test_a_busy_port_is_reported_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, told = await ends(tmp_path, "gateway", HTTP_PORT=port)
    assert code == 1
    assert "HTTP_PORT" in told
    assert port in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "name"), [({"HTTP_PORT": "eight"}, "HTTP_PORT"), ({"HTTP_HOST": "0.0.0.0"}, "HTTP_HOST")], ids=str
)
async def test_a_bad_setting_stops_the_start_with_one_line(tmp_path: Path, settings: dict[str, str], name: str) -> None:
    code, told = await ends(tmp_path, "gateway", **settings)
    assert code == 2
    assert told.startswith(f"gateway: {name}: ")
    assert len(told.splitlines()) == 1


async def test_uvicorn_serves_the_app_of_the_environment(tmp_path: Path) -> None:
    async with (
        serving(ScriptedProvider()) as server_b,
        running(tmp_path, "uvicorn", "gateway:app", "--port", "0", SERVER_B_TARGET=server_b.target) as program,
        client_of(program) as client,
    ):
        assert (await client.post("/process", json={"message": "Hi"})).json()["aiResponse"] == "Hello"
        await says(program, f"Calls go to Server B at {server_b.target}")


async def test_uvicorn_reports_a_bad_setting_in_one_line(tmp_path: Path) -> None:
    code, told = await ends(tmp_path, "uvicorn", "gateway:app", "--port", "0", SERVER_B_TARGET="http://b")
    assert code == 2
    assert [line for line in told.splitlines() if "INFO" not in line] == [
        "gateway: SERVER_B_TARGET: must be a gRPC target, not a URL: write host:port, and SERVER_B_TLS=true for TLS"
    ]


async def test_the_settings_can_be_imported_without_the_app(tmp_path: Path) -> None:
    code = "import sys, gateway.settings; sys.exit('fastapi' in sys.modules or 'app' in vars(gateway))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment({}), cwd=tmp_path)
    assert await process.wait() == 0


async def test_https_is_served_with_the_pair_of_the_settings(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    pair = authority.issue("gateway")
    async with running(
        tmp_path, "gateway", HTTP_PORT="0", HTTP_TLS_CERT_FILE=pair.cert_file, HTTP_TLS_KEY_FILE=pair.key_file
    ) as program:
        await says(program, f"on https://127.0.0.1:{program.port}")
        verify = ssl.create_default_context(cafile=authority.ca_file)
        async with httpx2.AsyncClient(verify=verify, base_url=f"https://{program.address}", trust_env=False) as client:
            assert (await client.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize("data", [b"", b"GET / HT", post("/process", b"")[:-2]], ids=["nothing", "a little", "most"])
async def test_a_connection_without_a_request_is_closed(data: bytes) -> None:
    async with gateway(head_timeout_s=0.05) as client, socket_to(client) as connection:
        await connection.send(data)
        assert await connection.closed() == b""


async def test_a_connection_without_a_next_request_is_closed() -> None:
    async with gateway(head_timeout_s=0.05) as client, socket_to(client) as connection:
        await connection.send(get("/nowhere"))
        await connection.reply()
        await connection.send(b"GET / HT")
        assert await connection.closed() == b""


async def test_a_body_that_never_ends_after_its_answer_is_cut_off() -> None:
    async with gateway(head_timeout_s=0.05) as client, socket_to(client) as connection:
        await connection.send(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert (await connection.reply()).status == 404
        await connection.send(b"x")
        assert await connection.closed() == b""


async def test_a_slow_answer_is_not_a_slow_request() -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, go_on, Text("Hello"), ENDING))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target, head_timeout_s=0.05) as client,
        socket_to(client) as connection,
        socket_to(client) as silent,
    ):
        await connection.send(post("/process", b'{"message": "Hi"}'))
        await provider.until_waiting()
        await silent.closed()  # by then the limit for slow requests has passed too, if it applied
        go_on.set()
        assert (await connection.reply()).status == 200
