"""What Server A adds to an MCP call, beside the SDK's own servers over the same transport."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import httpx2

from scripts.benchmark.door import Door
from scripts.benchmark.load import Figures
from scripts.benchmark.loads import Bench
from scripts.benchmark.processes import BenchError, python
from scripts.benchmark.targets import START_TIMEOUT_S, Launch, launched, server_b
from tests.support.ports import free_port

_PROTOCOL = "2025-11-25"
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": _PROTOCOL,
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
_INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
_ACCEPT = {"accept": "application/json, text/event-stream"}


@dataclass(frozen=True, slots=True, kw_only=True)
class McpMeasures:
    """One round."""

    added_ms: float
    """A call of send_message over HTTP minus a call of Server B over gRPC, one at a time, at the median."""
    floor_added_ms: float
    """The same for the SDK's server that calls Server B with bare grpc.aio."""
    echo_ms: float
    """A call of the echo tool, which calls no other server."""
    ratio_to_floor: float
    ratio_to_echo: float
    cpu_us_per_call: float
    """CPU time of Server A's process only."""
    floor_cpu_us_per_call: float
    echo_cpu_us_per_call: float
    stdio_start_s: float
    """From the start of Server A until `initialize` is answered."""
    echo_stdio_start_s: float


async def measure_mcp(bench: Bench) -> McpMeasures:
    """Runs one round. Raises BenchError if something does not answer."""
    direct, through, bare = await _through_server_a(bench)
    echo = await _echo(bench)
    added_ms = through.latency_p50_ms - direct.latency_p50_ms
    floor_added_ms = bare.latency_p50_ms - direct.latency_p50_ms
    return McpMeasures(
        added_ms=added_ms,
        floor_added_ms=floor_added_ms,
        echo_ms=echo.latency_p50_ms,
        ratio_to_floor=added_ms / floor_added_ms,
        ratio_to_echo=added_ms / echo.latency_p50_ms,
        cpu_us_per_call=_cpu_us_per_call(through),
        floor_cpu_us_per_call=_cpu_us_per_call(bare),
        echo_cpu_us_per_call=_cpu_us_per_call(echo),
        stdio_start_s=await _stdio_start_s(bench, "server_a", "stdio"),
        echo_stdio_start_s=await _stdio_start_s(bench, "scripts.benchmark.mcp_echo"),
    )


async def _through_server_a(bench: Bench) -> tuple[Figures, Figures, Figures]:
    """Returns the figures of a Server B: called without MCP, through Server A, and through the minimal MCP server."""
    behind, port, floor_port = free_port(), free_port(), free_port()
    settings = {"MCP_PORT_A": str(port), "SERVER_B_TARGET": f"127.0.0.1:{behind}"}
    launches = (
        server_b(behind, bench.provider_port),
        Launch(arguments=("server_a", "http"), settings=settings),
        Launch(arguments=("scripts.benchmark.mcp_floor", str(floor_port), str(behind))),
    )
    async with launched(launches, bench.cores.relay) as programs:
        b_pid, a_pid, floor_pid = programs.pids
        direct = Door(kind="grpc", port=behind)
        await programs.until_answered(direct)
        through = Door(kind="mcp", port=port, session=await _session(port), tool="send_message")
        bare = Door(kind="mcp", port=floor_port, session=await _session(floor_port), tool="send_message")
        return (
            await bench.one_at_a_time(direct, (b_pid,)),
            await bench.one_at_a_time(through, (a_pid,)),
            await bench.one_at_a_time(bare, (floor_pid,)),
        )


async def _echo(bench: Bench) -> Figures:
    port = free_port()
    async with launched((Launch(arguments=("scripts.benchmark.mcp_echo", str(port))),), bench.cores.relay) as programs:
        door = Door(kind="mcp", port=port, session=await _session(port), tool="echo")
        return await bench.one_at_a_time(door, programs.pids)


def _cpu_us_per_call(figures: Figures) -> float:
    return figures.cpu_s * 1e6 / figures.answers


async def _session(port: int) -> str:
    """Opens an MCP session as soon as the server answers, and returns its id."""
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        async with asyncio.timeout(START_TIMEOUT_S), httpx2.AsyncClient(headers=_ACCEPT) as client:
            opened = await _once_listening(client, url)
            session: str = opened.raise_for_status().headers["mcp-session-id"]
            response = await client.post(url, json=_INITIALIZED, headers={"mcp-session-id": session})
            response.raise_for_status()
            return session
    except (TimeoutError, httpx2.HTTPError) as error:
        raise BenchError(f"no MCP session on port {port}: {error!r}") from error


async def _once_listening(client: httpx2.AsyncClient, url: str) -> httpx2.Response:
    while True:
        try:
            return await client.post(url, json=_INITIALIZE)
        except httpx2.ConnectError:
            await asyncio.sleep(0.02)


async def _stdio_start_s(bench: Bench, *arguments: str) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with python(bench.cores.relay, *arguments, talks=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(_INITIALIZE).encode() + b"\n")
        async with asyncio.timeout(START_TIMEOUT_S):
            answer = await process.stdout.readline()
        if b'"serverInfo"' not in answer:
            raise BenchError(f"{' '.join(arguments)} answered initialize with {answer!r}")
        return loop.time() - began
