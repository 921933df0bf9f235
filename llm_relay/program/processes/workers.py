"""The setting WORKERS: several processes of one program that share a port."""

from __future__ import annotations

import asyncio
from signal import Signals

from llm_relay.program.processes.supervised import SHARED_PORT_VARIABLE, Supervised, serving
from llm_relay.program.processes.supervisor import Command, Supervisor
from llm_relay.program.settings.program_settings import ProgramSettings
from llm_relay.program.stop_signals import stopping_signals


async def run_workers(
    module: str, settings: ProgramSettings, *, count: int, port: int, supervised: Supervised | None
) -> int:
    """Runs `count` workers, each `python -m module`, until SIGINT or SIGTERM, and replaces those that end.

    All of them get the settings in force, even if the .env file changes. Each signal is passed on to all of them.
    Returns 0 if they ended well, or the first worker's exit code if it could not start. `supervised` is this process.
    """
    environment = {**settings.environment_in_force(), SHARED_PORT_VARIABLE: str(port)}
    workers = Supervisor(Command(subject="A worker", module=module, environment=environment), count=count)
    signals = await stopping_signals()
    passing_on = asyncio.create_task(_pass_on(signals, workers))
    running = asyncio.create_task(workers.run())
    try:
        await workers.until_tried()
        with serving(supervised if workers.port else None, signals, workers.port):
            return await running
    finally:
        passing_on.cancel()


async def _pass_on(signals: asyncio.Queue[Signals], workers: Supervisor) -> None:
    while True:
        await signals.get()
        workers.stop()
