"""When buffered log lines are written."""

import logging
from typing import Any

import pytest

from llm_relay.program.logs.buffered_log import GATHER_S, LINES_A_WRITE, BufferedLog
from tests.support.held_time import HELD_TIME, HeldLoop, held_loop
from tests.support.relayed import a_few_turns

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, type[HeldLoop]]]:
    return HELD_TIME


NAME = "relay.test"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> BufferedLog:
    caplog.set_level(logging.INFO, logger=NAME)
    return BufferedLog(logging.getLogger(NAME), "ended")


def written(caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
    """Returns the level and the facts of each record that was written so far."""
    return [(record.levelname, record.facts) for record in caplog.records if record.msg == "ended"]  # type: ignore[attr-defined]


async def pass_gathering() -> None:
    """Lets the time pass after which buffered lines are written."""
    held_loop().advance(2 * GATHER_S)
    await a_few_turns()


def note(log: BufferedLog, number: int, level: int = logging.INFO) -> None:
    log.note(level, lambda: {"number": number})


async def test_buffered_lines_are_written_on_their_own_and_together(
    log: BufferedLog, caplog: pytest.LogCaptureFixture
) -> None:
    for rounds in (1, 2):
        with held_loop().held():
            note(log, 1)
            note(log, 2)
            await a_few_turns()
            assert len(written(caplog)) == rounds - 1
            await pass_gathering()
        assert written(caplog) == [("INFO", [{"number": 1}, {"number": 2}])] * rounds


async def test_many_lines_are_written_in_pieces(log: BufferedLog, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(2 * LINES_A_WRITE + 1):
        note(log, number)
    log.flush()
    assert [len(facts) for _, facts in written(caplog)] == [LINES_A_WRITE, LINES_A_WRITE, 1]


async def test_a_failure_is_written_at_once_and_after_the_lines_before_it(
    log: BufferedLog, caplog: pytest.LogCaptureFixture
) -> None:
    note(log, 1)
    note(log, 2, logging.WARNING)
    assert written(caplog) == [("INFO", [{"number": 1}]), ("WARNING", {"number": 2})]
    with held_loop().held():
        await pass_gathering()
    assert len(written(caplog)) == 2


async def test_buffered_lines_can_be_flushed(log: BufferedLog, caplog: pytest.LogCaptureFixture) -> None:
    note(log, 1)
    log.flush()
    log.flush()
    assert written(caplog) == [("INFO", [{"number": 1}])]


async def test_a_line_below_the_level_is_not_formatted(log: BufferedLog) -> None:
    log.note(logging.DEBUG, lambda: pytest.fail("the line was formatted"))
    log.flush()
