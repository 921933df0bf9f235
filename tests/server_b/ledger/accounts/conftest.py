"""A ledger whose clock stands."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server_b.ledger.base import Ledger
from server_b.ledger.opening import open_ledger
from tests.server_b.ledger.calling import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 26, 12, 30, tzinfo=UTC))


@pytest.fixture
async def ledger(tmp_path: Path, clock: Clock) -> AsyncIterator[Ledger]:
    opened = await open_ledger("sqlite:///relay.db", folder=tmp_path, now=clock, time_zone="Europe/Berlin")
    try:
        yield opened
    finally:
        await opened.aclose(grace_s=5)
