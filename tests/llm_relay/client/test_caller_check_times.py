"""How often a program in front of Server B asks it about callers without a token."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from llm_relay.client.caller_check import NO_LEDGER_REMEMBERED_S, REMEMBERED_S, CallerCheck
from llm_relay.client.channel import Dial
from llm_relay.tokens import ANONYMOUS, Tokens
from tests.support.held_time import HELD_TIME, held_loop
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A loop whose time the test advances."""
    return HELD_TIME


async def test_a_server_b_without_a_ledger_is_asked_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "relay.calls")
    async with (
        serving() as server_b,
        CallerCheck(Tokens.parse(""), Dial(target=server_b.target), checks_anonymous=True) as check,
    ):
        asked = []
        with held_loop().held():
            for pause_s in (0.0, 2 * REMEMBERED_S, NO_LEDGER_REMEMBERED_S / 2, NO_LEDGER_REMEMBERED_S):
                held_loop().advance(pause_s)
                assert (await check.caller(None)).name == ANONYMOUS
                asked.append(len(caplog.records))
    assert asked == [1, 1, 1, 2]
