"""The relay's programs as child processes: started, watched, and stopped without leaving one behind."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from llm_relay.addresses import listen, listen_fault, near_host, shown_address

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
"""How long a program may take to stop before it is killed, in seconds."""


class StartError(Exception):
    """A program did not start. The text says why, or what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A program to start, and where it will listen."""

    name: str
    arguments: tuple[str, ...]
    """The arguments after `python -m`."""
    host: str
    port: int
    host_setting: str
    port_setting: str
    """The setting of its port."""
    port_variable: str
    """The environment variable with the program's port."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that it gets besides ours and its port."""

    @property
    def address(self) -> str:
        """Its address from this machine, as `host:port`."""
        return shown_address(self.near_host, self.port)

    @property
    def near_host(self) -> str:
        """The host to connect to: loopback for a server that listens on all addresses."""
        return near_host(self.host)

    def listen(self) -> socket.socket:
        """Listens on its address. Raises StartError with the setting and the fix if that fails."""
        try:
            return listen(self.host, self.port)
        except OSError as error:
            raise StartError(listen_fault(self.host, self.port, self.host_setting, self.port_setting, error)) from error


class Program:
    """A running `python -m …`, with its log."""

    def __init__(self, launch: Launch, process: asyncio.subprocess.Process) -> None:
        self.launch = launch
        self.name = launch.name
        self.process = process
        self.aloud = False
        """Whether log lines are shown as they arrive."""
        self._log: collections.deque[str] = collections.deque(maxlen=100)
        self._reader = asyncio.create_task(self._read_log())

    @property
    def log(self) -> str:
        """The last lines of the log."""
        return "\n".join(self._log)

    async def _read_log(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            text = line.decode(errors="replace").rstrip()
            self._log.append(text)
            if self.aloud:
                print(f"{self.name} | {text}", file=sys.stderr)

    async def ended(self) -> str:
        """Waits until the program ends by itself; returns a message about it."""
        status = await self.process.wait()
        await self._reader
        return f"{self.name} ended with status {status}:\n{self.log}"

    async def until_listening(self) -> None:
        """Waits until the program accepts connections. Raises StartError with its log if it ends or takes too long."""
        ended = asyncio.create_task(self.ended())
        listening = asyncio.create_task(_until_connected(self.launch.near_host, self.launch.port))
        done, running = await asyncio.wait(
            (ended, listening), timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        for task in running:
            task.cancel()
        if ended in done:
            raise StartError(ended.result())
        if listening not in done:
            raise StartError(
                f"{self.name} did not listen on {self.launch.address} within {START_TIMEOUT_S:.0f} s:\n{self.log}"
            )

    async def stop(self) -> None:
        """Asks the program to stop. Kills it with its children if it does not, or if this is cancelled."""
        if self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.process.wait()
        except TimeoutError:
            print(f"{self.name} did not stop and was killed", file=sys.stderr)
        finally:
            if self.process.returncode is None:
                os.killpg(self.process.pid, signal.SIGKILL)


@contextlib.asynccontextmanager
async def running(launch: Launch) -> AsyncIterator[Program]:
    """Runs a program, and stops it at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *launch.arguments,
        env={**os.environ, **launch.settings, launch.port_variable: str(launch.port)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches only the showcase, which then stops them in order
    )
    program = Program(launch, process)
    try:
        yield program
    finally:
        await program.stop()


async def _until_connected(host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
