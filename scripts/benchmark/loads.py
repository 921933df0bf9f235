"""The loads of a round, each in its own process on the load's core."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from scripts.benchmark.asked import Asked
from scripts.benchmark.door import Door
from scripts.benchmark.load import Figures, Load
from scripts.benchmark.processes import BenchError, Cores, python, resident_mb
from scripts.benchmark.targets import Launch, Target, launched, running
from tests.support.ports import free_port

CALLERS = 64
PACED_CALLERS = 16
WHOLE = Asked(tokens=20)
LONG = Asked(tokens=500)
CALL = Asked(tokens=500, is_call=True)
PACED = Asked(tokens=10, delay_ms=20, interval_ms=10)
PACED_SPREAD_S = 0.12
"""The duration of one paced answer, so that the callers' starts stay evenly spread."""
BUSY = 0.9
"""The share of a core above which the core is the limit."""
_IDLE_S = 0.2
_LOAD_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """One round of one target."""

    requests_per_s: float
    """Whole answers of 20 tokens that the provider sends at once, 64 callers."""
    cpu_us_per_request: float
    latency_p99_ms: float
    """Of the same whole answers, from the request to the answer."""
    tokens_per_s: float
    """Streams of 500 tokens that the provider sends as fast as they are read, 64 callers."""
    cpu_us_per_token: float
    added_p50_ms: float
    """The time to the first token of a paced stream without the provider's own delay, 16 callers."""
    added_p99_ms: float
    cold_start_s: float
    """From the start of the target's processes to the first answer."""
    resident_mb: float
    """Resident memory, idle after the first answer; of the larger process if there are two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMeasures:
    """One round of one of our targets with tool calls as answers."""

    deltas_per_s: float
    """Streams of a tool call with arguments of 500 deltas, as fast as they are read, 64 callers."""
    cpu_us_per_delta: float
    cpu_to_text: float
    """The CPU time of a delta of arguments divided by that of a token of text, in the same round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The results of one round of one target."""

    measures: Measures
    calls: CallMeasures | None
    """None for a floor, which supports only text."""


@dataclass(slots=True, kw_only=True)
class Bench:
    """Runs loads, with one stand-in provider for all. Collects suspicious results in `warnings`."""

    cores: Cores
    provider_port: int
    provider_pid: int
    warm_s: float
    window_s: float
    warnings: list[str] = field(default_factory=list)
    _shares: list[float] = field(default_factory=list)
    """The share of its core that each target had under full load."""

    async def measure(self, target: Target) -> Round:
        """Starts a target and runs all loads on it. Raises BenchError if it does not answer."""
        async with running(target, self.provider_port, self.cores) as live:
            await asyncio.sleep(_IDLE_S)
            memory_mb = max(resident_mb(pid) for pid in live.pids)
            door, pids = live.door, live.pids
            whole = await self._run(target.title, door, pids, WHOLE, CALLERS, is_stream=False)
            long = await self._run(target.title, door, pids, LONG, CALLERS, is_stream=True)
            paced = await self._run(target.title, door, pids, PACED, PACED_CALLERS, is_stream=True)
            call = await self._run(target.title, door, pids, CALL, CALLERS, is_stream=True) if target.floors else None
        if not (whole.answers and long.tokens and paced.streams_timed):
            raise BenchError(f"{target.title} returned no correct answer under load: {self.warnings}")
        measures = Measures(
            requests_per_s=whole.answers / whole.seconds,
            cpu_us_per_request=whole.cpu_s * 1e6 / whole.answers,
            latency_p99_ms=whole.latency_p99_ms,
            tokens_per_s=long.tokens / long.seconds,
            cpu_us_per_token=long.cpu_s * 1e6 / long.tokens,
            added_p50_ms=paced.added_p50_ms,
            added_p99_ms=paced.added_p99_ms,
            cold_start_s=live.cold_start_s,
            resident_mb=memory_mb,
        )
        return Round(measures=measures, calls=self._call_measures(door, call, measures) if call else None)

    def _call_measures(self, door: Door, call: Figures, text: Measures) -> CallMeasures:
        deltas = call.tokens / door.copies(CALL)
        if not deltas:
            raise BenchError(f"no tool call arrived under load: {self.warnings}")
        cpu_us = call.cpu_s * 1e6 / deltas
        return CallMeasures(
            deltas_per_s=deltas / call.seconds,
            cpu_us_per_delta=cpu_us,
            cpu_to_text=cpu_us / text.cpu_us_per_token,
        )

    async def one_at_a_time(self, door: Door, pids: tuple[int, ...]) -> Figures:
        """Requests whole answers, one after another."""
        figures = await self._run(f"{door.kind} one at a time", door, pids, WHOLE, 1, is_stream=False)
        if not figures.answers:
            raise BenchError(f"no correct answer: {figures.first_error}")
        return figures

    async def _run(
        self, title: str, door: Door, pids: tuple[int, ...], asked: Asked, callers: int, *, is_stream: bool
    ) -> Figures:
        load = Load(
            door=door,
            asked=asked,
            is_stream=is_stream,
            callers=callers,
            warm_s=self.warm_s,
            window_s=self.window_s,
            spread_s=PACED_SPREAD_S if asked.interval_ms else 0,
            pids=pids,
            beside=(self.provider_pid,),
        )
        figures = await _run_load(load, self.cores)
        self._judge(title, load, figures)
        return figures

    def _judge(self, title: str, load: Load, figures: Figures) -> None:
        what = f"{title}, {load.asked.model} for {load.callers}"
        if figures.errors:
            self.warnings.append(f"{what}: {figures.errors} errors, the first: {figures.first_error}")
        if figures.load_share > BUSY:
            self.warnings.append(f"{what}: the load generator was the limit ({figures.load_share:.0%} of its core)")
        if load.callers == CALLERS and figures.load_share <= BUSY:
            self._shares.append(figures.cpu_s / figures.seconds)

    def remarks(self) -> list[str]:
        """Returns remarks for the reader of the figures."""
        disturbed = [share for share in self._shares if share < BUSY]
        if not disturbed:
            return self.warnings
        remark = (
            f"{len(disturbed)} of {len(self._shares)} full loads had less than {BUSY:.0%} of their core"
            f" ({min(disturbed):.0%} at worst): other programs are running. Trust only the CPU time per unit."
        )
        return [*self.warnings, remark]


@contextlib.asynccontextmanager
async def open_bench(cores: Cores, *, warm_s: float, window_s: float) -> AsyncIterator[Bench]:
    """Starts the stand-in provider for a bench."""
    port = free_port()
    standin = Launch(arguments=("scripts.benchmark.standin", str(port)))
    async with launched((standin,), cores.load) as programs:
        await programs.until_answered(Door(kind="provider", port=port))
        (pid,) = programs.pids
        yield Bench(cores=cores, provider_port=port, provider_pid=pid, warm_s=warm_s, window_s=window_s)


async def _run_load(load: Load, cores: Cores) -> Figures:
    with tempfile.TemporaryFile() as log:
        async with python(cores.load, "scripts.benchmark.load", load.to_json(), talks=True, log=log) as process:
            async with asyncio.timeout(_LOAD_TIMEOUT_S):
                printed, _ = await process.communicate()
        if process.returncode:
            log.seek(0)
            raise BenchError(f"the load failed:\n{log.read().decode(errors='replace')[-2000:]}")
    return Figures(**json.loads(printed))
