"""The soak test: runs programs and callers, samples memory, waits until everything is idle, and finds leaks."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scripts.soak.callers import ANSWERED, LEFT, Callers
from scripts.soak.programs import open_programs, open_provider
from scripts.soak.watched import Watched
from tests.support.resources import connections_to, open_files

SAMPLES = 60
QUIET_WITHIN_S = 75.0
"""How long to wait until everything is idle. Idle connections to the provider live for up to 60 s."""
REST_POLL_S = 0.2


@dataclass
class Soaked:
    """The result of a soak test."""

    ends: Counter[str]
    pipelined: int
    watched: list[Watched]
    provider_connections: int

    def leaks(self) -> list[str]:
        """Returns a sentence for each leak, and for each unexpected end of calls."""
        found = [sentence for one in self.watched for sentence in one.leaks()]
        if self.provider_connections:
            found.append(f"{self.provider_connections} connections to the provider are left")
        return found + [f"{count} calls ended {end}" for end, count in self.ends.items() if end not in (ANSWERED, LEFT)]

    def table(self) -> str:
        """Returns the result as text."""
        ends = ", ".join(f"{count} {end}" for end, count in self.ends.most_common())
        calls = f"calls: {ends}; {self.pipelined} of them pipelined"
        left = f"connections to the provider left: {self.provider_connections}"
        head = "| program | MiB for 10,000 calls | MiB at the end | files before | left over |\n|---|---|---|---|---|"
        rows = [
            f"| {one.name} | {one.slope_kib / 1024:.2f} | {one.samples[-1][1] / 1024:.1f}"
            f" | {one.files} | {one.files_left} |"
            for one in self.watched
        ]
        return "\n".join([calls, left, head, *rows])


async def soak(*, seconds: float) -> Soaked:
    """Runs the soak test for `seconds`, and then waits until everything is idle."""

    async def until_sample(_: Callers, __: int) -> None:
        await asyncio.sleep(seconds / SAMPLES)

    return await _soak(until_sample, idle_allowed=False)


async def soak_briefly(*, calls: int) -> Soaked:
    """Runs the soak test for `calls` calls. Idle connections to the provider may be left, because they live longer."""

    async def until_sample(callers: Callers, number: int) -> None:
        await callers.until(calls * number // SAMPLES)

    return await _soak(until_sample, idle_allowed=True)


async def _soak(until_sample: Callable[[Callers, int], Awaitable[None]], *, idle_allowed: bool) -> Soaked:
    with tempfile.TemporaryDirectory() as name:
        async with open_provider() as url, open_programs(Path(name), url) as programs:
            callers = Callers(programs.at)
            await callers.call_each_once()
            watched = [Watched(name, one, open_files(one.process.pid)) for name, one in programs.by_name.items()]
            async with callers.calling():
                for number in range(1, SAMPLES + 1):
                    await until_sample(callers, number)
                    for one in watched:
                        one.sample(callers.calls)
            port = urlsplit(url).port or 0
            await _rest(watched, port, idle_allowed=idle_allowed)
            left = connections_to(port)
            for one in watched:
                await one.stop()
    return Soaked(callers.ends, callers.pipelined, watched, left)


async def _rest(watched: list[Watched], provider_port: int, *, idle_allowed: bool) -> None:
    """Waits until nothing new is open, at most QUIET_WITHIN_S."""

    def is_quiet() -> bool:
        idle = connections_to(provider_port)
        files = sum(one.count_files() for one in watched)
        return files <= idle if idle_allowed else files + idle == 0

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUIET_WITHIN_S):
            while not is_quiet():  # noqa: ASYNC110 - another process cannot tell
                await asyncio.sleep(REST_POLL_S)
