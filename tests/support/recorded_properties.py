"""Properties that tests recorded, for the summary; they may come from other processes."""

from collections.abc import Iterator
from typing import Any

import pytest


def recorded_properties(reporter: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    """Yields the properties of that name, of all tests that have run."""
    for reports in reporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "teardown":
                yield from (value for key, value in report.user_properties if key == name)
