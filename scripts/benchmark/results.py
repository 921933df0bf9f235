"""The results of a run: rounds, their medians, ratios to the floors, and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

from scripts.benchmark.loads import CallMeasures, Measures
from scripts.benchmark.mcp_measures import McpMeasures
from scripts.benchmark.targets import TARGETS

Row = TypeVar("Row", Measures, CallMeasures, McpMeasures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One of our targets compared with a floor: the median of each round's ratio, so that a slow round counts less."""

    target: str
    floor: str
    measures: Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of a whole run."""

    rounds: dict[str, list[Measures]]
    """The rounds of each target, by its name."""
    calls: dict[str, list[CallMeasures]]
    """The rounds with tool calls of our targets, by name."""
    mcp: list[McpMeasures]
    machine: dict[str, str]
    warnings: list[str]

    def median(self, target: str) -> Measures:
        """Returns a target's medians."""
        return median(self.rounds[target])

    def mcp_median(self) -> McpMeasures:
        """Returns the medians of the MCP rounds."""
        return median(self.mcp)

    def ratios(self) -> list[Ratio]:
        """Returns each of our targets compared with each of its floors."""
        return [
            Ratio(target=target.name, floor=floor, measures=_ratio(self.rounds[target.name], self.rounds[floor]))
            for target in TARGETS
            for floor in target.floors
        ]

    def to_json(self) -> dict[str, object]:
        """Returns all results for a JSON file."""
        return {
            "machine": self.machine,
            "targets": {
                target.name: {
                    "title": target.title,
                    "median": asdict(self.median(target.name)),
                    "rounds": [asdict(one) for one in self.rounds[target.name]],
                }
                for target in TARGETS
            },
            "tool_calls": {
                name: {"median": asdict(median(found)), "rounds": [asdict(one) for one in found]}
                for name, found in self.calls.items()
            },
            "ratios": [
                {"target": ratio.target, "floor": ratio.floor, **asdict(ratio.measures)} for ratio in self.ratios()
            ],
            "mcp": {"median": asdict(self.mcp_median()), "rounds": [asdict(one) for one in self.mcp]},
            "warnings": self.warnings,
        }


def median(rows: Sequence[Row]) -> Row:
    """Returns the median of each field, independently."""
    kind = type(rows[0])
    return kind(**{one.name: statistics.median(getattr(row, one.name) for row in rows) for one in fields(kind)})


def _ratio(ours: Sequence[Measures], floor: Sequence[Measures]) -> Measures:
    return median(
        [
            Measures(**{one.name: getattr(a, one.name) / getattr(b, one.name) for one in fields(Measures)})
            for a, b in zip(ours, floor, strict=True)
        ]
    )


def machine() -> dict[str, str]:
    """Returns the facts of the machine that the figures depend on."""
    cores = len(os.sched_getaffinity(0))
    return {
        "cores": str(cores),
        "cpu": _cpu_model(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("grpcio", "uvloop")},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model", "cpu model"}:
            return value.strip()
    return platform.machine()
