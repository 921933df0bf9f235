"""`relay serve`, as its users run it: Server B, the gateway and Server A as one command."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from tests.support.programs import Program, running

LIMIT_S = 30.0
FREE_PORTS = {"GRPC_PORT": "0", "HTTP_PORT": "0", "MCP_PORT_A": "0", "METRICS_PORT": "0"}
QUICK = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0"}
SERVES = re.compile(r"The relay serves: gRPC on (\S+), HTTP on (\S+), MCP on (\S+)")


@dataclass
class Served:
    """A running `relay serve`."""

    program: Program
    target: str
    http_url: str
    mcp_url: str

    def client(self, token: str = "") -> RelayClient:
        """Makes a client of Server B."""
        return RelayClient(Dial(target=self.target, token=token), timeout_s=LIMIT_S)

    def accounts(self, token: str = "") -> AccountClient:
        """Makes a client of Server B's accounts."""
        return AccountClient(Dial(target=self.target, token=token), timeout_s=LIMIT_S)

    async def over_http(self, token: str = "") -> str:
        """Calls the gateway; returns the answer's text."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=LIMIT_S) as http:
            answer = await http.post(f"{self.http_url}/process", json={"message": "over HTTP"})
        return str(answer.json().get("aiResponse", answer.text))

    async def over_mcp(self, token: str = "") -> str:
        """Calls Server A; returns the answer's text."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            httpx2.AsyncClient(trust_env=False, headers=headers, timeout=LIMIT_S) as http,
            Client(streamable_http_client(self.mcp_url, http_client=http)) as client,
        ):
            result = await client.call_tool("send_message", {"message": "over MCP"})
        return str((result.structured_content or {}).get("aiResponse"))

    def pid_of(self, module: str) -> int:
        """Returns the process id of one of its programs."""
        pid = self.program.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        commands = {int(child): Path(f"/proc/{child}/cmdline").read_text().split("\0") for child in children}
        return next(child for child, command in commands.items() if module in command)

    def environment_of(self, module: str) -> str:
        """Returns the environment of one of its programs: each NAME=value is followed by a zero byte."""
        return Path(f"/proc/{self.pid_of(module)}/environ").read_text()


@contextlib.asynccontextmanager
async def served(folder: Path, **settings: str) -> AsyncIterator[Served]:
    """Runs `relay serve` until the block ends."""
    async with running(folder, "llm_relay.cli", "serve", **{**FREE_PORTS, **QUICK, **settings}) as program:
        await program.told("(The relay serves)")
        found = SERVES.search("".join(program.lines))
        assert found
        yield Served(program, *found.groups())
