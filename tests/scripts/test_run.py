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
