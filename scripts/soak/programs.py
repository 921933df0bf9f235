"""The programs of a soak test, in front of a provider in its own process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.doors import Addresses
from tests.support.programs import PROJECT, Program, environment, running

# Kept answers would use more and more memory, which is no leak.
SETTINGS = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "any", "ANSWER_KEEP_SECONDS": "2"}


@dataclass(frozen=True)
class Programs:
    """The running programs by name, and their addresses."""

    by_name: Mapping[str, Program]
    at: Addresses


@contextlib.asynccontextmanager
async def open_provider() -> AsyncIterator[str]:
    """Runs the OpenAI stand-in in its own process; yields its URL."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.standins", cwd=PROJECT, env=environment({}), stdin=pipe, stdout=pipe
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


@contextlib.asynccontextmanager
async def open_programs(folder: Path, provider_url: str) -> AsyncIterator[Programs]:
    """Runs Server B, the gateway, and Server A over HTTP."""
    async with running(folder, "server_b", GRPC_PORT="0", OPENAI_BASE_URL=provider_url, **SETTINGS) as b:
        dial = {"SERVER_B_TARGET": b.address}
        async with (
            running(folder, "gateway", HTTP_PORT="0", **dial) as gateway,
            running(folder, "server_a", "http", MCP_PORT_A="0", **dial) as a,
        ):
            at = Addresses(server_b=b.address, gateway=gateway.address, mcp_http=a.address, mcp_sse="", folder=folder)
            yield Programs({"server_a": a, "gateway": gateway, "server_b": b}, at)
