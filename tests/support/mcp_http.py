"""MCP over HTTP, request by request, without an SDK."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from tests.support.mcp_stdio import MODERN_META
from tests.support.programs import Program

TIMEOUT_S = 20.0
BOTH_FORMS = "application/json, text/event-stream"
ACCEPT = {"Accept": BOTH_FORMS, "Content-Type": "application/json"}
MODERN = {**ACCEPT, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "send_message"}
CLIENT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}
SESSION_ID = "mcp-session-id"


def request(number: int, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Makes a JSON-RPC request."""
    message = {"jsonrpc": "2.0", "id": number, "method": method}
    return message if params is None else {**message, "params": params}


INITIALIZE = request(0, "initialize", CLIENT)
PING = request(1, "ping")


def call(tool: str = "send_message", **arguments: Any) -> dict[str, Any]:
    """Makes a tool call for the revisions with sessions."""
    return request(1, "tools/call", {"name": tool, "arguments": arguments})


def modern_call(**arguments: Any) -> dict[str, Any]:
    """Makes a tool call for the revision without sessions, to be sent with the headers MODERN."""
    return request(1, "tools/call", {"name": "send_message", "arguments": arguments, "_meta": MODERN_META})


def client(program: Program, **headers: str) -> httpx2.AsyncClient:
    """Makes a client of a program that serves MCP over HTTP."""
    return httpx2.AsyncClient(
        base_url=f"http://{program.address}", headers={**ACCEPT, **headers}, timeout=TIMEOUT_S, trust_env=False
    )


async def open_session(http: httpx2.AsyncClient) -> str:
    """Opens a session, which the client's further requests belong to; returns its id."""
    opened = await http.post("/mcp", json=INITIALIZE)
    assert opened.status_code == 200, opened.text
    session_id = http.headers[SESSION_ID] = opened.headers[SESSION_ID]
    return session_id


def message_in(response: httpx2.Response) -> dict[str, Any]:
    """Returns the JSON-RPC answer in a response of either form."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        return dict(response.json())
    events = [json.loads(line.removeprefix("data:")) for line in response.text.splitlines() if line[:5] == "data:"]
    return dict(next(event for event in events if "method" not in event))
