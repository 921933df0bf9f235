"""Keeps processes of one program running: starts them, replaces those that end, and stops them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from llm_relay.program.metrics.publishing import forget_process
from llm_relay.program.processes.supervised import LINE_VARIABLE

EXIT_FAILED = 1

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
"""The pause before a process that ended is replaced; doubled each time."""
LONG_RUN_S = 10.0
"""After a process has run this long, the pauses start over."""
LONGEST_LINE_BYTES = 16

logger = logging.getLogger("relay.workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to run: `python -m MODULE ARGUMENTS`."""

    subject: str
    """For the log, such as "A worker"."""
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str]
    """The whole environment. Every process gets the same, however late it starts."""
    port_setting: str = ""
    """The setting of its port. A replacement uses the port of the first process, even if that was any free port."""


class Supervisor:
    """Keeps some processes of one command running until it is told to stop.

    Each is a new interpreter, because grpc.aio does not survive a fork. Each has its own session, so that Ctrl-C in a
    terminal reaches it only once, through the supervisor.
    """

    def __init__(self, command: Command, *, count: int = 1) -> None:
        self._command = command
        self._count = count
        self._processes: set[asyncio.subprocess.Process] = set()
        self._stopping = asyncio.Event()
        self._tried = asyncio.Event()
        self.port = 0
        """The port on which the command serves; 0 until it does."""

    async def run(self) -> int:
        """Runs the processes until `stop`, and returns 0 if they ended well.

        If the first process cannot start, returns its exit code, so that a bad setting is reported only once. After
        one has served, every process that ends is replaced, however often that fails.
        """
        keepers = [asyncio.create_task(self._keep())]
        await self._tried.wait()
        keepers += [asyncio.create_task(self._keep()) for _ in range(self._count - 1)]
        codes = await asyncio.gather(*keepers)
        return next((code if code > 0 else EXIT_FAILED for code in codes if code), 0)

    async def until_tried(self) -> None:
        """Waits until the first process serves, or has failed to. `port` says which."""
        await self._tried.wait()

    def stop(self) -> None:
        """Sends SIGTERM to every process. A second call ends their drain."""
        self._stopping.set()
        self._tried.set()
        for process in self._processes:
            _terminate(process)

    async def _keep(self) -> int:
        """Keeps one process running until `stop`; returns its exit code, 0 if it ended after `stop`."""
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began_at = asyncio.get_running_loop().time()
            code = await self._run_one()
            if self._stopping.is_set():
                return 0 if code == -signal.SIGTERM else code  # stopped before it could handle the signal
            if not self.port:
                self.stop()
                return code or EXIT_FAILED
            if asyncio.get_running_loop().time() - began_at >= LONG_RUN_S:
                pause_s = FIRST_PAUSE_S
            subject = self._command.subject
            logger.warning("%s ended unexpectedly (%d): starting another in %g s", subject, code, pause_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return 0

    async def _run_one(self) -> int:
        """Runs a process to its end; returns its exit code."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            try:
                with theirs:
                    process = await self._start(theirs)
            except OSError as error:
                logger.error("%s cannot be started: %s", self._command.subject, error.strerror)  # noqa: TRY400
                return EXIT_FAILED
            self._processes.add(process)
            if self._stopping.is_set():
                _terminate(process)
            try:
                if served_on := await asyncio.get_running_loop().sock_recv(ours, LONGEST_LINE_BYTES):
                    self._serves(process, int(served_on))
                return await process.wait()
            finally:
                self._processes.discard(process)
                forget_process(process.pid)

    def _serves(self, process: asyncio.subprocess.Process, port: int) -> None:
        if self._count > 1:
            logger.info("Worker %d serves", process.pid)
        self.port = port
        self._tried.set()

    async def _start(self, line: socket.socket) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *import_path_option(),
            "-m",
            self._command.module,
            *self._command.arguments,
            env={**self._command.environment, **self._same_port(), LINE_VARIABLE: str(line.fileno())},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[line.fileno()],
            start_new_session=True,
        )

    def _same_port(self) -> dict[str, str]:
        setting = self._command.port_setting
        return {setting: str(self.port)} if setting and self.port else {}


def import_path_option() -> tuple[str, ...]:
    """Returns `-P`, which keeps the working folder off the import path, unless it is on this process's path."""
    return () if str(os.getcwd()) in sys.path else ("-P",)  # noqa: PTH109 - as Python itself puts it there


def _terminate(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
