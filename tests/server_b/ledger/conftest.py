"""Ledgers for tests, on both engines."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server_b.ledger.base import Ledger
from server_b.ledger.open_ledger import open_ledger, open_store
from server_b.ledger.transactions import Store
from tests.server_b.ledger.ledger_calls import Clock
from tests.support.postgres import CannotRun, PostgresServer, postgres_server

ENGINES = ("sqlite", "postgres")
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server with its default settings."""
    running = postgres_server()
    try:
        server = running.__enter__()
    except CannotRun as error:
        pytest.skip(f"PostgreSQL cannot run here: {error}")
    yield server
    running.__exit__(None, None, None)


@pytest.fixture(params=ENGINES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'relay.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database(f"ledger_{next(_NUMBERS)}")


@pytest.fixture
async def store(ledger_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """The database of a new ledger, open."""
    opened = await open_store(ledger_url, folder=tmp_path)
    yield opened
    await opened.aclose()


@pytest.fixture
def clock() -> Clock:
    """The clock of the fixture `ledger`; it stands still until it is set."""
    return Clock(datetime(2026, 11, 26, 12, 30, tzinfo=UTC))


@pytest.fixture
async def ledger(ledger_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Ledger]:
    """A ledger whose clock stands still."""
    opened = await open_ledger(ledger_url, folder=tmp_path, now=clock, time_zone="Europe/Berlin")
    yield opened
    await opened.aclose(grace_s=5)
