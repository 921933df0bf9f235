"""Clients that send a request bit by bit: the HTTP doors close their connections and still answer others."""

import asyncio
import time
from pathlib import Path

import httpx2
import pytest

from tests.faults.conftest import FULL, RecordFault
from tests.support.programs import Program, running

pytestmark = pytest.mark.anyio

LIMIT_S = 80.0
"""A head has 15 s. A body has 15 s or, at the gateway, its call's deadline and then a keep-alive of 60 s."""
NOBODY = "127.0.0.1:1"
JSON = "Host: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
HEAD = b"POST /mcp HTTP/1.1\r\nHost: loc"


def body_of(path: str) -> bytes:
    """Returns a request whose content-length is larger than what it sends."""
    return f"POST {path} HTTP/1.1\r\n{JSON}Content-Length: 1000\r\n\r\n{{".encode()


async def until_closed(port: int, request: bytes) -> float:
    """Sends these bytes and waits until the door closes the connection; returns after how many seconds it did."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(LIMIT_S):
            await reader.read()
    finally:
        writer.close()
    return time.monotonic() - began


async def still_answers(program: Program) -> bool:
    async with httpx2.AsyncClient(base_url=f"http://{program.address}", timeout=10, trust_env=False) as http:
        return (await http.get("/nowhere")).status_code == 404


@pytest.mark.slow
async def test_slow_heads_and_slow_bodies_are_closed(tmp_path: Path, record_fault: RecordFault) -> None:
    dial = {"SERVER_B_TARGET": NOBODY, "TIMEOUT_SECONDS": "2"}
    async with (
        running(tmp_path, "gateway", HTTP_PORT="0", **dial) as gateway,
        running(tmp_path, "server_a", "http", MCP_PORT_A="0", **dial) as http,
        running(tmp_path, "server_b", "sse", MCP_PORT_B="0") as sse,
    ):
        session = "/messages/?session_id=00000000000000000000000000000000"
        slow = [
            ("a slow head", "http", gateway, HEAD),
            ("a slow head", "mcp-http", http, HEAD),
            ("a slow head", "mcp-sse", sse, HEAD),
        ]
        if FULL:
            slow += [
                ("a slow body", "http", gateway, body_of("/process")),
                ("a slow body", "mcp-http", http, body_of("/mcp")),
                ("a slow body", "mcp-sse", sse, body_of(session)),
            ]
        took = await asyncio.gather(*(until_closed(program.port, request) for _, _, program, request in slow))
        for (fault, door, program, _), seconds in zip(slow, took, strict=True):
            record_fault(fault=fault, door=door, outcome="closed", seconds=seconds)
            assert await still_answers(program)
