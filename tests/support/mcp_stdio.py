"""An MCP server at the other end of a pipe, line by line, without an SDK."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.programs import environment

LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class StdioServer:
    """A running MCP server, and everything that it has written."""

    process: asyncio.subprocess.Process
    messages: list[dict[str, Any]] = field(default_factory=list)
    """The messages on its stdout; a line that is no JSON fails the test."""
    log: list[str] = field(default_factory=list)
    _unasked: list[dict[str, Any]] = field(default_factory=list)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def write(self, line: str) -> None:
        """Sends a line unchanged."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def send(self, method: str, params: dict[str, Any], number: int | None = None) -> None:
        """Sends a request, or a notification if it has no number."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        await self.write(json.dumps(message if number is None else {**message, "id": number}))

    async def call(self, number: int, tool: str, arguments: dict[str, Any], **meta: Any) -> None:
        """Calls a tool; does not wait for its answer."""
        params = {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}
        await self.send("tools/call", params, number)

    async def initialize(self) -> dict[str, Any]:
        """Opens a connection of the legacy era."""
        client = {"name": "test", "version": "0"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        await self.send("initialize", params, 0)
        answer = await self.answer(0)
        await self.send("notifications/initialized", {})
        return answer

    async def answer(self, number: int | str | None) -> dict[str, Any]:
        """Waits for the answer with that number; may be called for several numbers at once."""
        while True:
            async with self._reading:
                for message in self._unasked:
                    if message.get("id", -1) == number:
                        self._unasked.remove(message)
                        return message
                if await self.read() is None:
                    raise AssertionError(f"no answer {number}; stderr:\n{''.join(self.log)}")

    async def read(self) -> dict[str, Any] | None:
        """Reads one message; returns None at the end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            line = await self.process.stdout.readline()
        if not line:
            return None
        message = json.loads(line)
        self.messages.append(message)
        self._unasked.append(message)
        return dict(message)

    async def close_stdin(self) -> int:
        """Ends the connection as a client does; returns the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await self._exit_code()

    async def stop(self, number: signal.Signals) -> int:
        """Sends a signal; returns the exit code."""
        self.process.send_signal(number)
        return await self._exit_code()

    async def _exit_code(self) -> int:
        async with asyncio.timeout(STOP_LIMIT_S):
            while await self.read() is not None:
                pass
            return await self.process.wait()


@contextlib.asynccontextmanager
async def stdio_server(
    folder: Path, name: str, *arguments: str, stdout: int = asyncio.subprocess.PIPE, **settings: str
) -> AsyncIterator[StdioServer]:
    """Runs `python -m name arguments` in `folder` with pipes for its standard streams; kills it at the end.

    `stdout` may be another file descriptor, which is not read.
    """
    async with _running(folder, ("-m", name, *arguments), stdout, settings) as server:
        yield server


@contextlib.asynccontextmanager
async def safe_stdio_server(folder: Path, name: str, *arguments: str, **settings: str) -> AsyncIterator[StdioServer]:
    """Like `stdio_server`, with `python -P -m`, which imports nothing from `folder`."""
    async with _running(folder, ("-P", "-m", name, *arguments), asyncio.subprocess.PIPE, settings) as server:
        yield server


@contextlib.asynccontextmanager
async def _running(
    folder: Path, arguments: tuple[str, ...], stdout: int, settings: Mapping[str, str]
) -> AsyncIterator[StdioServer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=environment(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    server = StdioServer(process)
    reading = asyncio.create_task(_read_log(server))
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


async def _read_log(server: StdioServer) -> None:
    assert server.process.stderr is not None
    async for line in server.process.stderr:
        server.log.append(line.decode(errors="replace"))


async def piped(folder: Path, data: str, **settings: str) -> tuple[list[dict[str, Any]], str, int]:
    """Runs `python -m server_a` with this input, as a shell's pipe does; returns what it wrote, and its exit code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server_a", "stdio"),
        cwd=folder,
        env=environment(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        out, err = await process.communicate(data.encode())
    assert process.returncode is not None
    return [json.loads(line) for line in out.splitlines()], err.decode(), process.returncode


def lines(*messages: dict[str, Any]) -> str:
    """Writes messages as a client does, one per line."""
    return "".join(f"{json.dumps(message)}\n" for message in messages)
