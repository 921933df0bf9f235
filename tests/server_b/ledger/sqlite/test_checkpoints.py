"""What waits for the disk does so in a thread: seldom while calls run, and never for an idle server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from server_b.ledger.open_ledger import open_store
from server_b.ledger.sqlite import checkpoints
from server_b.ledger.transactions import Store
from tests.support.money import new_call, open_books, select

pytestmark = pytest.mark.anyio
WITHIN_S = 20
POLL_S = 0.01


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A file, open."""
    opened = await open_store("sqlite:///relay.db", folder=tmp_path)
    yield opened
    await opened.aclose()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - a thread of the ledger's own, and a file
            await asyncio.sleep(POLL_S)


def opened_by_the_program(log: Path) -> list[str]:
    """Returns a list that grows each time that Python itself opens a file, as it does to synchronise it."""
    found: list[str] = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]) == str(log):
            found.append(event)

    sys.addaudithook(note)
    return found


async def test_heartbeats_do_not_wake_the_disk_and_calls_do(store: Store, tmp_path: Path) -> None:
    synchronised = opened_by_the_program(tmp_path / "relay.db-wal")
    async with open_books(store, heartbeat_s=0.001) as books:
        beats: set[object] = set()
        async with asyncio.timeout(WITHIN_S):
            while len(beats) < 10:
                beats.update(await select(store, "heartbeat_at", "servers"))
                await asyncio.sleep(POLL_S)
        assert not synchronised
        await books.reserve(new_call())
        await until(lambda: bool(synchronised))


async def test_long_log_is_put_into_the_file_while_the_ledger_is_open(store: Store, tmp_path: Path) -> None:
    log, file = tmp_path / "relay.db-wal", tmp_path / "relay.db"
    insert = "INSERT INTO audit (id, made_at, made_by, action, subject, detail) VALUES (:id, 0, '', '', '', :detail)"
    began = file.stat().st_size
    for number in range(checkpoints.LARGE_LOG_BYTES // 1_000_000 + 2):
        row = {"id": str(number), "detail": "x" * 1_000_000}
        await store.write(lambda transaction, row=row: transaction.execute(insert, row))  # type: ignore[misc]
    await until(lambda: 0 < log.stat().st_size < 1_000_000)
    assert file.stat().st_size > began + checkpoints.LARGE_LOG_BYTES
    assert await select(store, "COUNT(*)", "audit") == [(checkpoints.LARGE_LOG_BYTES // 1_000_000 + 2,)]
