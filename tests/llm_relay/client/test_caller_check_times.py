"""How often a program in front of Server B asks it about callers."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from llm_relay.caller_tokens import ANONYMOUS, Tokens
from llm_relay.client.caller_check import NO_LEDGER_REMEMBERED_S, REMEMBERED_S, CallerCheck
from llm_relay.client.channel import Dial
from llm_relay.errors import Unauthenticated
from server_b.ledger.base import Policy
from tests.support.held_time import HELD_TIME, held_loop
from tests.support.memory_ledger import MemoryLedger
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


async def test_a_token_that_is_revoked_is_refused_a_second_later() -> None:
    ledger = MemoryLedger()
    secret = (await ledger.create_token("alice", label="", expires_at=None, by="root")).secret
    async with (
        serving(ledger=ledger) as server_b,
        CallerCheck(Tokens.parse(""), Dial(target=server_b.target)) as check,
    ):
        with held_loop().held():
            assert (await check.caller(f"Bearer {secret}")).name == "alice"
            ledger.policy = Policy(revision=0)
            held_loop().advance(1.0)
            with pytest.raises(Unauthenticated):
                await check.caller(f"Bearer {secret}")
