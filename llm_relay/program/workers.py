"""WORKERS: a supervisor that runs several processes of its program on one port, and what such a worker knows of it.

Each worker is a fresh interpreter (grpc.aio does not survive a fork) in a session of its own (so that Ctrl-C in a
terminal reaches it once, by way of the supervisor). Between the two is a line, a pair of sockets: over it the worker
says that it serves, and by its end either knows that the other is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from llm_relay.program.event_loop import stopping_signals

EXIT_FAILED = 1
EXIT_BAD_SETTINGS = 2
"""Its meaning is llm_relay.program.settings', which nothing below a composition root may import."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
"""Before a worker that ended is replaced; doubled each time."""
LONG_RUN_S = 10.0
"""A worker that ran so long starts the pauses anew."""

_VARIABLE = "RELAY_WORKER"
"""Internal: DESCRIPTOR:PORT, set by a supervisor for its workers alone. Whoever has it is a worker."""

logger = logging.getLogger("relay.workers")


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker process knows of its supervisor."""

    line: socket.socket
    port: int
    """The port that all workers share."""


def this_worker() -> Worker | None:
    """Returns what this process knows of its supervisor; None if it is no worker."""
    descriptor, _, port = os.environ.pop(_VARIABLE, "").partition(":")
    if not port:
        return None
    line = socket.socket(fileno=int(descriptor))
    line.set_inheritable(False)
    line.setblocking(False)
    return Worker(line, int(port))


@contextlib.contextmanager
def serving(worker: Worker | None, signals: asyncio.Queue[signal.Signals]) -> Iterator[None]:
    """Tells the supervisor that this worker serves; within, the supervisor's end counts as a SIGTERM. None: nothing."""
    if worker is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def supervisor_ended() -> None:
        loop.remove_reader(worker.line)
        signals.put_nowait(signal.SIGTERM)

    with contextlib.suppress(OSError):  # it has ended already: the reader tells
        worker.line.send(b".")
    loop.add_reader(worker.line, supervisor_ended)
    try:
        yield
    finally:
        loop.remove_reader(worker.line)


async def supervise(program: str, count: int, port: int) -> int:
    """Runs `count` workers, each `python -m program`, until SIGINT or SIGTERM, and replaces those that end.

    Each signal is passed on to all workers. Returns 0 if all ended well; the code of one that failed at its first
    start, or that ended with EXIT_BAD_SETTINGS, at once.
    """
    signals = await stopping_signals()
    supervisor = _Supervisor(program, port)
    passing_on = asyncio.create_task(supervisor.pass_on(signals))
    try:
        return await supervisor.run(count)
    finally:
        passing_on.cancel()


class _Supervisor:
    def __init__(self, program: str, port: int) -> None:
        self._program, self._port = program, port
        self._processes: set[asyncio.subprocess.Process] = set()
        self._tried = asyncio.Event()
        """The first worker serves, or all are to stop."""
        self._stopping = asyncio.Event()

    async def run(self, count: int) -> int:
        keepers = [asyncio.create_task(self._keep())]
        await self._tried.wait()  # by the first alone: what is wrong with the settings is said once
        keepers += [asyncio.create_task(self._keep()) for _ in range(count - 1)]
        codes = await asyncio.gather(*keepers)
        return next((code if code > 0 else EXIT_FAILED for code in codes if code), 0)

    async def pass_on(self, signals: asyncio.Queue[signal.Signals]) -> None:
        while True:
            await signals.get()
            self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._tried.set()
        for process in self._processes:
            _terminate(process)

    async def _keep(self) -> int:
        """Keeps one worker running until all are to stop; returns its exit code, 0 if it ended as told."""
        pause_s, has_served = FIRST_PAUSE_S, False
        while not self._stopping.is_set():
            began_at = asyncio.get_running_loop().time()
            code, served = await self._run_one()
            has_served = has_served or served
            if self._stopping.is_set():
                return 0 if code == -signal.SIGTERM else code  # it was told before it could listen for that
            if code == EXIT_BAD_SETTINGS or not has_served:
                self._stop()
                return code or EXIT_FAILED
            if asyncio.get_running_loop().time() - began_at >= LONG_RUN_S:
                pause_s = FIRST_PAUSE_S
            logger.warning("A worker ended unexpectedly (%d): another is started in %g s", code, pause_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return 0

    async def _run_one(self) -> tuple[int, bool]:
        """Runs a worker to its end; returns its exit code, and whether it ever served."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            try:
                with theirs:
                    process = await self._start(theirs)
            except OSError as error:
                logger.error("A worker cannot be started: %s", error.strerror)  # noqa: TRY400
                return EXIT_FAILED, False
            self._processes.add(process)
            if self._stopping.is_set():
                _terminate(process)
            try:
                served = bool(await asyncio.get_running_loop().sock_recv(ours, 1))
                if served:
                    logger.info("Worker %d serves", process.pid)
                    self._tried.set()
                return await process.wait(), served
            finally:
                self._processes.discard(process)

    async def _start(self, line: socket.socket) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._program,
            env={**os.environ, _VARIABLE: f"{line.fileno()}:{self._port}"},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[line.fileno()],
            start_new_session=True,
        )


def _terminate(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
