"""Runs the programs of a plan: starts Server B, then the programs in front of it, and stops them in reverse order."""

from __future__ import annotations

import asyncio
import logging
from signal import Signals

from llm_relay.cli.serve.plan import Plan
from llm_relay.program.processes.supervisor import Supervisor
from llm_relay.program.stop_signals import stopping_signals

logger = logging.getLogger("relay")


async def serve(plan: Plan) -> int:
    """Runs the programs until SIGINT or SIGTERM. Then running calls may finish; a second signal stops them.

    Returns 0 if all programs ended well, or the exit code of one that could not start.
    """
    for text in plan.warnings():
        logger.warning(text)
    programs = _Programs(plan)
    passing_on = asyncio.create_task(_pass_on(await stopping_signals(), programs))
    try:
        return await programs.run()
    finally:
        passing_on.cancel()


async def _pass_on(signals: asyncio.Queue[Signals], programs: _Programs) -> None:
    while True:
        await signals.get()
        programs.stop()


class _Programs:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._server_b = Supervisor(plan.server_b_command())
        self._in_front: list[Supervisor] = []
        """The programs in front of Server B, while they run."""
        self._stopping = False

    async def run(self) -> int:
        """Runs all programs until `stop`, or until one cannot start. Returns the exit code."""
        server_b = asyncio.create_task(self._server_b.run())
        await self._server_b.until_tried()
        codes = await self._run_in_front(self._server_b.port) if self._server_b.port and not self._stopping else []
        self._server_b.stop()
        return next((code for code in [await server_b, *codes] if code), 0)

    async def _run_in_front(self, server_b_port: int) -> list[int]:
        gateway = Supervisor(self._plan.gateway_command(server_b_port))
        server_a = Supervisor(self._plan.server_a_command(server_b_port))
        self._in_front = [gateway, server_a]
        running = [asyncio.create_task(program.run()) for program in self._in_front]
        await asyncio.gather(*(program.until_tried() for program in self._in_front))
        if gateway.port and server_a.port:
            grpc, http, mcp = self._plan.addresses(server_b_port, gateway.port, server_a.port)
            logger.info(
                "The relay serves: gRPC on %s, HTTP on %s, MCP on %s and a page on %s/ui/", grpc, http, mcp, http
            )
        else:
            self.stop()
        codes = await asyncio.gather(*running)
        self._in_front = []
        return codes

    def stop(self) -> None:
        """Stops the programs in front, and Server B once they have ended. A second call stops running calls."""
        self._stopping = True
        for program in self._in_front or [self._server_b]:
            program.stop()
