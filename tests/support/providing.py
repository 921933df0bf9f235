"""A stand-in for each provider behind the programs, and faults that are injected for all doors at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.conftest import RecordFault
from tests.standins.bedrock import BedrockStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.server import StandIn
from tests.support.doors import DOORS, OPENAI_DOORS, Addresses, Door, open_door
from tests.support.programs import Program, running
from tests.support.refusal import Refusal

LIMIT_S = 120.0
"""The limit in seconds of every call, and of the test that waits for it."""
GRPC_AND_HTTP = ("grpc", "http", *OPENAI_DOORS)
OVER_STDIO = ("mcp-stdio-legacy", "mcp-stdio-modern")


@dataclass(frozen=True)
class Providing:
    """A stand-in, and the doors that lead to it."""

    name: str
    standin: StandIn
    doors: Mapping[str, Door]
    at: Addresses


@dataclass(frozen=True)
class _Programs:
    """Starts the programs side by side."""

    stack: contextlib.AsyncExitStack
    folder: Path
    server_b: Mapping[str, str]
    """Additional settings of Server B."""

    async def start(self, *arguments: str, **settings: str) -> Program:
        return await self.stack.enter_async_context(running(self.folder, *arguments, **settings))

    async def openai(self, *, mcp: bool) -> Providing:
        standin = await self.stack.enter_async_context(OpenAIStandIn())
        own = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "sk-canary", "OPENAI_BASE_URL": standin.base_url}
        server_b = await self._server_b(own)
        dial = {"SERVER_B_TARGET": server_b.address}
        starting = [self.start("gateway", HTTP_PORT="0", **dial)]
        if mcp:
            starting += [self.start("server_a", transport, MCP_PORT_A="0", **dial) for transport in ("http", "sse")]
        gateway, *others = await asyncio.gather(*starting)
        mcp_http, mcp_sse = [program.address for program in others] or ("", "")
        at = Addresses(server_b.address, gateway.address, mcp_http, mcp_sse, self.folder)
        return Providing("OpenAI", standin, {}, at)

    async def bedrock(self) -> Providing:
        standin = await self.stack.enter_async_context(BedrockStandIn())
        own = {
            "AI_PROVIDER": "bedrock",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "canary",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": standin.url,
        }
        server_b = await self._server_b(own)
        gateway = await self.start("gateway", HTTP_PORT="0", SERVER_B_TARGET=server_b.address)
        return Providing("Bedrock", standin, {}, Addresses(server_b.address, gateway.address, "", "", self.folder))

    async def _server_b(self, provider: Mapping[str, str]) -> Program:
        return await self.start("server_b", **{"GRPC_PORT": "0", "RETRY_ATTEMPTS": "1", **provider, **self.server_b})


@contextlib.asynccontextmanager
async def open_providing(
    folder: Path, *, doors: tuple[str, ...] = (*DOORS, *OPENAI_DOORS), **server_b: str
) -> AsyncIterator[dict[str, Providing]]:
    """Opens both providers: OpenAI behind these doors, Bedrock behind gRPC and HTTP; `server_b` are settings."""
    async with contextlib.AsyncExitStack() as stack:
        programs = _Programs(stack, folder, server_b)
        mcp = any(name.startswith(("mcp-http", "mcp-sse")) for name in doors)
        openai, bedrock = await asyncio.gather(programs.openai(mcp=mcp), programs.bedrock())
        opened = {}
        for one, names in ((openai, doors), (bedrock, GRPC_AND_HTTP)):
            # Opened by the task that closes them, as anyio requires.
            ways = {name: await stack.enter_async_context(open_door(name, one.at, timeout_s=LIMIT_S)) for name in names}
            opened[one.name] = Providing(one.name, one.standin, ways, one.at)
        yield opened


async def asked(door: Door, said: str, *, streamed: bool, model: str) -> Refusal | None:
    """Makes one call; returns the refusal, or None if the whole text arrived."""
    seen: list[str] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            if streamed:
                await door.stream(seen.append, message="Hi", model=model)
            else:
                seen.append((await door.whole(message="Hi", model=model))["aiResponse"])
    except Refusal as refusal:
        assert said.startswith("".join(seen)), "the text before the failure is not the beginning of the answer"
        return refusal
    assert "".join(seen) == said, "a cut answer that looks complete"
    return None


@dataclass(frozen=True)
class Injection:
    """A fault that is injected, and the recorder of what the doors see of it."""

    fault: str
    record_fault: RecordFault

    async def seen_by(
        self, doors: Mapping[str, Door], said: str, *, streamed: bool, model: str = "gpt-4o"
    ) -> dict[str, Refusal | None]:
        """Calls through every door at once."""

        async def ask(name: str, door: Door) -> Refusal | None:
            begun_at = asyncio.get_running_loop().time()
            refusal = await asked(door, said, streamed=streamed, model=model)
            outcome = "the whole answer" if refusal is None else refusal.reason
            seconds = asyncio.get_running_loop().time() - begun_at
            self.record_fault(fault=self.fault, door=name, outcome=outcome, seconds=seconds)
            return refusal

        return dict(zip(doors, await asyncio.gather(*(ask(*one) for one in doors.items())), strict=True))


def expect(refusals: Mapping[str, Refusal | None], reason: str | None) -> None:
    """Raises AssertionError unless every door returned this reason; None: the whole answer."""
    reasons = {door: refusal and refusal.reason for door, refusal in refusals.items()}
    assert reasons == dict.fromkeys(refusals, reason)
