"""python -m scripts.benchmark: runs the measurements, prints the tables, and writes the requested files."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.chart import chart
from scripts.benchmark.loads import CallMeasures, Measures, open_bench
from scripts.benchmark.loop import run
from scripts.benchmark.mcp_measures import McpMeasures, measure_mcp
from scripts.benchmark.processes import BenchError, Cores
from scripts.benchmark.report import report
from scripts.benchmark.results import Results, machine
from scripts.benchmark.targets import TARGETS

EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to measure."""

    rounds: int
    warm_s: float
    window_s: float


FULL = Plan(rounds=3, warm_s=0.25, window_s=1.0)
QUICK = Plan(rounds=1, warm_s=0.1, window_s=0.4)


async def measure(plan: Plan) -> Results:
    """Runs the rounds in different orders, so that no target always follows the same one."""
    about, cores = machine(), Cores.choose()
    os.sched_setaffinity(0, cores.load)
    rounds: dict[str, list[Measures]] = {target.name: [] for target in TARGETS}
    calls: dict[str, list[CallMeasures]] = {target.name: [] for target in TARGETS if target.floors}
    mcp: list[McpMeasures] = []
    async with open_bench(cores, warm_s=plan.warm_s, window_s=plan.window_s) as bench:
        for number in range(plan.rounds):
            first = number * 2 % len(TARGETS)
            for target in (*TARGETS[first:], *TARGETS[:first]):
                say(f"round {number + 1} of {plan.rounds}: {target.title}")
                found = await bench.measure(target)
                rounds[target.name].append(found.measures)
                if found.calls is not None:
                    calls[target.name].append(found.calls)
            say(f"round {number + 1} of {plan.rounds}: MCP")
            mcp.append(await measure_mcp(bench))
    return Results(rounds=rounds, calls=calls, mcp=mcp, machine=about, warnings=bench.remarks())


def say(text: str) -> None:
    """Prints progress."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text} ", end="", file=sys.stderr, flush=True)


async def until_done(plan: Plan) -> Results:
    """Measures. SIGTERM stops everything like Ctrl-C, between two steps of the loop, so that no process is left."""
    measuring = asyncio.current_task()
    assert measuring is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, measuring.cancel)
    return await measure(plan)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures the relay beside bare servers on this machine, in about three minutes.",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every round's figures to FILE")
    parser.add_argument("--chart", metavar="FILE", type=Path, help="write a chart of them (SVG) to FILE")
    parser.add_argument("--quick", action="store_true", help="run one short round, to see whether it works")
    arguments = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        parser.error("it needs Linux, because it reads CPU time and memory from /proc")
    try:
        results = run(until_done(QUICK if arguments.quick else FULL))
    except BenchError as error:
        print(f"\n{parser.prog}: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return EXIT_INTERRUPTED
    say("")
    print(report(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results.to_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    if arguments.chart:
        arguments.chart.write_text(chart(results), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
