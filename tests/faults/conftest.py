"""Counts faults: what was injected, how often, the outcome at each door, the worst time. `scripts/faults` shows it."""

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from tests.support.recorded_properties import recorded_properties

FULL = os.environ.get("RELAY_FAULTS") == "full"


@dataclass(slots=True)
class Row:
    """The outcomes of one fault at one door."""

    count: int = 0
    seen: set[str] = field(default_factory=set)
    worst_s: float = 0.0


class RecordFault(Protocol):
    """Records one injection."""

    def __call__(self, *, fault: str, door: str, outcome: str, seconds: float) -> None:
        """Records one injection.

        `fault` is a short sentence, `outcome` a reason, or what happened, `seconds` until the door knew.
        """


NOTED = "fault"
"""The name of a test property, which also travels from the process that ran the test."""


@pytest.fixture
def record_fault(request: pytest.FixtureRequest) -> RecordFault:
    """Records the outcome of a fault at a door, for the table."""

    def note(*, fault: str, door: str, outcome: str, seconds: float) -> None:
        request.node.user_properties.append((NOTED, [fault, door, outcome, seconds]))

    return note


@pytest.fixture
def rounds() -> Callable[[int], int]:
    """Returns how often to inject: `count` times in the full run, once or so in the short one."""
    return lambda count: count if FULL else min(count, 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test here as a fault test."""
    for item in items:
        if "tests/faults/" in item.nodeid:
            item.add_marker(pytest.mark.faults)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table."""
    rows: dict[tuple[str, str], Row] = defaultdict(Row)
    for fault, door, outcome, seconds in recorded_properties(terminalreporter, NOTED):
        row = rows[fault, door]
        row.count += 1
        row.seen.add(outcome)
        row.worst_s = max(row.worst_s, seconds)
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line("| fault | door | times | outcome | worst, s |")
    terminalreporter.write_line("|---|---|---|---|---|")
    for (fault, door), row in sorted(rows.items()):
        terminalreporter.write_line(
            f"| {fault} | {door} | {row.count} | {', '.join(sorted(row.seen))} | {row.worst_s:.2f} |"
        )
