"""One load on one interface, in its own process: `python -m scripts.benchmark.load JSON` prints figures as JSON.

A closed loop: each caller sends its next request as soon as it has its answer. Requests that are running at the end
are dropped.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from scripts.benchmark.asked import Asked
from scripts.benchmark.door import Door, open_lines
from scripts.benchmark.loop import run
from scripts.benchmark.processes import cpu_seconds
from scripts.benchmark.tally import Answer, Line, Tally

PAUSE_AFTER_ERROR_S = 0.05
PATIENCE_S = 5.0
"""How much longer the window lasts, in seconds, if nothing has arrived because the machine is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The parameters of a load."""

    door: Door
    asked: Asked
    is_stream: bool
    callers: int
    warm_s: float
    """Seconds before counting begins."""
    window_s: float
    """Seconds of counting."""
    spread_s: float = 0
    """The callers' first requests are spread evenly over this time."""
    pids: tuple[int, ...] = ()
    """The processes whose CPU time is counted: the target's."""
    beside: tuple[int, ...] = ()
    """The processes that share the load's core: the stand-in."""

    def to_json(self) -> str:
        """Returns the load as JSON for `read`."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Load:
        """Reads the JSON of `to_json`."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "door": Door(**values["door"]), "asked": Asked(**values["asked"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The results of a load."""

    seconds: float
    answers: int
    tokens: int
    errors: int
    first_error: str
    cpu_s: float
    """CPU time of the target's processes."""
    load_share: float
    """The share of the load's core that this process and its neighbours used, 0 to 1."""
    latency_p50_ms: float
    latency_p99_ms: float
    added_p50_ms: float
    added_p99_ms: float
    streams_timed: int


class Loop:
    """The callers of a load."""

    def __init__(self, load: Load, lines: list[Line]) -> None:
        self._load, self._lines = load, lines
        self.tally = Tally()
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Starts all callers."""
        for number in range(self._load.callers):
            line = self._lines[number % len(self._lines)]
            self._loop.call_later(self._load.spread_s * number / self._load.callers, self._ask, line)

    @property
    def has_figures(self) -> bool:
        """Returns whether there is at least one result of the kind that the load measures."""
        if not self._load.is_stream:
            return self.tally.answers > 0
        return self.tally.tokens > 0 and (not self._load.asked.interval_ms or len(self.tally.added_ns) > 0)

    def _ask(self, line: Line) -> None:
        tokens = self._load.asked.tokens * self._load.door.copies(self._load.asked)
        line.ask(Answer(self.tally, tokens, lambda: self._again(line), is_stream=self._load.is_stream))

    def _again(self, line: Line) -> None:
        if self.tally.errors:
            self._loop.call_later(PAUSE_AFTER_ERROR_S, self._ask, line)  # so that a failing target is not flooded
        else:
            self._ask(line)


async def measure(load: Load) -> Figures:
    """Runs a load and returns its figures."""
    lines = await open_lines(load.door, load.asked, load.callers, is_stream=load.is_stream)
    loop = Loop(load, lines)
    loop.start()
    await asyncio.sleep(load.warm_s + load.spread_s)
    loop.tally.start_anew()
    began, cpu, busy = time.monotonic(), cpu_seconds(load.pids), _busy_s(load)
    await asyncio.sleep(load.window_s)
    if not loop.has_figures:
        await asyncio.sleep(PATIENCE_S)
    seconds = time.monotonic() - began
    figures = _figures(loop.tally, seconds, cpu_seconds(load.pids) - cpu, _busy_s(load) - busy)
    for line in lines:
        line.close()
    return figures


def _busy_s(load: Load) -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + cpu_seconds(load.beside)


def _figures(tally: Tally, seconds: float, cpu_s: float, busy_s: float) -> Figures:
    return Figures(
        seconds=seconds,
        answers=tally.answers,
        tokens=tally.tokens,
        errors=tally.errors,
        first_error=tally.first_error,
        cpu_s=cpu_s,
        load_share=busy_s / seconds,
        latency_p50_ms=_percentile_ms(tally.latencies_ns, 50),
        latency_p99_ms=_percentile_ms(tally.latencies_ns, 99),
        added_p50_ms=_percentile_ms(tally.added_ns, 50),
        added_p99_ms=_percentile_ms(tally.added_ns, 99),
        streams_timed=len(tally.added_ns),
    )


def _percentile_ms(values_ns: list[int], percent: int) -> float:
    if len(values_ns) < 2:
        return sum(values_ns) / 1e6
    return statistics.quantiles(values_ns, n=100, method="inclusive")[percent - 1] / 1e6


if __name__ == "__main__":
    print(json.dumps(asdict(run(measure(Load.read(sys.argv[1]))))))
