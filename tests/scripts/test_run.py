"""`scripts/run`, as a newcomer types it, without the installation: the environment exists already."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.programs import PROJECT, environment

pytestmark = pytest.mark.anyio

DOORS = ("gRPC", "HTTP", "MCP HTTP", "MCP SSE", "MCP stdio")


QUICK = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}


async def start(*arguments: str, **settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.showcase", *arguments),
        cwd=PROJECT,
        env=environment({"LEDGER": os.environ["LEDGER"], **QUICK, **settings}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def ports() -> tuple[dict[str, str], list[str]]:
    """Returns settings and arguments with unused ports."""
    grpc, http, mcp, sse = (str(port) for port in (free_port() for _ in range(4)))
    return {"GRPC_PORT": grpc, "HTTP_PORT": http, "MCP_PORT_A": mcp}, ["--sse-port", sse]


async def test_the_check_sends_a_message_through_every_door_and_ends() -> None:
    settings, arguments = ports()
    process = await start("--check", *arguments, **settings)
    async with asyncio.timeout(90):
        printed, _ = await process.communicate()
    text = printed.decode()
    assert process.returncode == 0, text
    for door in DOORS:
        assert f"{door}, whole" in text
        assert f"{door}, streamed" in text


async def test_a_busy_port_is_named_with_its_setting() -> None:
    settings, arguments = ports()
    with socket.create_server(("127.0.0.1", int(settings["HTTP_PORT"]))):
        process = await start("--check", *arguments, **settings)
        async with asyncio.timeout(90):
            printed, _ = await process.communicate()
    assert process.returncode == 1
    assert settings["HTTP_PORT"] in printed.decode()
    assert "HTTP_PORT" in printed.decode()


async def test_port_0_takes_any_free_port() -> None:
    process = await start("--check", "--sse-port", "0", GRPC_PORT="0", HTTP_PORT="0", MCP_PORT_A="0")
    async with asyncio.timeout(90):
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        ((), {"HTTP_PORT": "8999", "GRPC_PORT": "8999"}, "HTTP_PORT: is 8999, as GRPC_PORT is: set one of them"),
        (("--sse-port", "8999"), {"GRPC_PORT": "8999"}, "--sse-port: is 8999, as GRPC_PORT is: set one of them"),
        ((), {"MCP_HOST": "nowhere.invalid"}, "MCP_HOST: cannot listen on nowhere.invalid:0: the name"),
        ((), {"HTTP_HOST": "192.0.2.1"}, "HTTP_HOST: cannot listen on 192.0.2.1:0: 192.0.2.1 is not an address of"),
        (("--sse-port", "65536"), {}, "argument --sse-port: must be a number from 0 to 65535"),
    ],
)
async def test_impossible_settings_are_refused_at_once(
    arguments: tuple[str, ...], settings: dict[str, str], told: str
) -> None:
    free = {"GRPC_PORT": "0", "HTTP_PORT": "0", "MCP_PORT_A": "0"}
    process = await start("--check", *arguments, **{**free, **settings})
    async with asyncio.timeout(90):
        printed, _ = await process.communicate()
    assert process.returncode != 0
    assert printed.decode().splitlines()[-1].startswith(f"scripts/run: {'error: ' * ('argument' in told)}{told}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_every_program_that_it_started(number: signal.Signals) -> None:
    settings, arguments = ports()
    process = await start(*arguments, **settings)
    assert process.stdout is not None
    async with asyncio.timeout(90):
        async for line in process.stdout:
            if b"Ctrl-C" in line:
                break
        process.send_signal(number)
        await process.communicate()
    for port in (*settings.values(), arguments[-1]):
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", int(port))) != 0, f"port {port} is still served"


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "scripts" / "mcp-clients").glob("*.json")), ids=lambda path: path.stem
)
def test_the_mcp_client_configurations_start_server_a(path: Path) -> None:
    (servers,) = json.loads(path.read_text()).values()
    assert servers.pop("relay-over-http", {}).get("url", "/mcp").endswith("/mcp")
    assert servers["relay"]["args"] == ["mcp"]
    assert servers["relay"]["command"] == "/path/to/relay/.venv/bin/relay"
