"""Lines that gather: what is written when."""

import asyncio
import logging
from typing import Any

import pytest

from transport.gathered_log import GATHER_S, GatheredLog

pytestmark = pytest.mark.anyio

NAME = "relay.test"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> GatheredLog:
    caplog.set_level(logging.INFO, logger=NAME)
    return GatheredLog(logging.getLogger(NAME), "ended")


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
    """Returns what was written so far: the level and the number of each line."""
    return [(record.levelname, record.facts["number"]) for record in caplog.records if record.msg == "ended"]  # type: ignore[attr-defined]


async def test_lines_that_gather_come_by_themselves(log: GatheredLog, caplog: pytest.LogCaptureFixture) -> None:
    for rounds in (1, 2):
        for number in range(2):
            log.note(logging.INFO, lambda number=number: {"number": number})  # type: ignore[misc]
        assert len(told(caplog)) == 2 * (rounds - 1)
        await asyncio.sleep(2 * GATHER_S)
        assert told(caplog) == [("INFO", 0), ("INFO", 1)] * rounds


async def test_a_failure_is_told_at_once_and_after_what_was_before_it(
    log: GatheredLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.note(logging.INFO, lambda: {"number": 1})
    log.note(logging.WARNING, lambda: {"number": 2})
    assert told(caplog) == [("INFO", 1), ("WARNING", 2)]
    await asyncio.sleep(2 * GATHER_S)
    assert len(told(caplog)) == 2


async def test_what_has_gathered_can_be_had_at_once(log: GatheredLog, caplog: pytest.LogCaptureFixture) -> None:
    log.note(logging.INFO, lambda: {"number": 1})
    log.flush()
    log.flush()
    assert told(caplog) == [("INFO", 1)]


async def test_nothing_is_made_of_a_line_that_no_one_wants(log: GatheredLog) -> None:
    log.note(logging.DEBUG, lambda: pytest.fail("it was made"))
    log.flush()
