"""The programs under test, and the count of requests sent to them: `RELAY_FAULTS=full` sends 20,000 requests."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import hypothesis
import pytest

from tests.support.programs import Program, running
from tests.support.recorded_properties import recorded_properties

FULL = os.environ.get("RELAY_FAULTS") == "full"
STRANGE = ("unexpected", "unforeseen", "traceback")
"""Words that a program's log contains after an unexpected error."""
SEEN = "fuzz"
"""The name of a test property, which also travels from the process that ran the test."""

hypothesis.settings.register_profile(
    "fuzz",
    database=None,
    deadline=None,
    derandomize=not FULL,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Server B with the mock provider, and the gateway in front of it."""

    server_b: Program
    gateway: Program

    def is_unharmed(self) -> bool:
        """Returns whether both still run; raises AssertionError if one logged an unexpected error."""
        programs = (self.server_b, self.gateway)
        lines = [line for program in programs for line in program.lines]
        strange = [line for line in lines if any(word in line.lower() for word in STRANGE)]
        assert not strange, strange[:3]
        return all(program.process.returncode is None for program in programs)


@pytest.fixture
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    folder = tmp_path_factory.mktemp("fuzz")
    # No answer is kept: an id that appears twice would rightly be refused.
    mock = {
        "MOCK_DELAY_SECONDS": "0",
        "MOCK_WORD_DELAY_SECONDS": "0",
        "MOCK_FAULTS": "true",
        "ANSWER_KEEP_SECONDS": "0",
    }
    async with contextlib.AsyncExitStack() as stack:
        server_b = await stack.enter_async_context(
            running(folder, "server_b", GRPC_PORT="0", RETRY_ATTEMPTS="1", TIMEOUT_SECONDS="5", **mock)
        )
        gateway = await stack.enter_async_context(
            running(folder, "gateway", HTTP_PORT="0", SERVER_B_TARGET=server_b.address, TIMEOUT_SECONDS="5")
        )
        yield Target(server_b, gateway)


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Counts the outcomes, for the summary."""
    counter: Counter[str] = Counter()
    yield counter
    request.node.user_properties.append((SEEN, [request.node.name, dict(counter)]))


def examples(in_full: int, in_short: int) -> hypothesis.settings:
    """Returns settings for that many requests."""
    return hypothesis.settings(hypothesis.settings.get_profile("fuzz"), max_examples=in_full if FULL else in_short)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints how many requests were sent, and their outcomes."""
    counters: dict[str, Counter[str]] = {
        name: Counter(counts) for name, counts in recorded_properties(terminalreporter, SEEN)
    }
    if not counters:
        return
    terminalreporter.section(f"fuzz: {sum(counter.total() for counter in counters.values())} requests")
    for name, counter in counters.items():
        answers = ", ".join(f"{answer} {count}" for answer, count in counter.most_common())
        terminalreporter.write_line(f"{name}: {counter.total()}: {answers}")
