"""A signal ends a start that waits for the ledger, as it ends a program that serves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from server_b.ledger.books import leases
from server_b.ledger.live_servers import Process
from server_b.ledger.open_ledger import open_sqlite, open_store
from tests.server_b.ledger.ledger_calls import take_back_to_version_3
from tests.support.ports import accepted, silent_server
from tests.support.programs import starting
from tests.support.relay_serve import FREE_PORTS

pytestmark = pytest.mark.anyio

ELSEWHERE = Process(host="elsewhere/1", pid=1, started=1)


async def _use_by_older_server(ledger_url: str, folder: Path) -> None:
    store = await open_store(ledger_url, folder=folder)
    await take_back_to_version_3(store)
    await store.write(lambda transaction: leases.beat(transaction, "older", ELSEWHERE))
    await store.aclose()


@pytest.mark.parametrize(
    ("program", "settings"),
    [
        (("server_b",), {}),
        (("server_b",), {"WORKERS": "2"}),
        (("server_b", "http"), {"MCP_PORT_B": "0"}),
        (("llm_relay.cli", "serve"), {}),
    ],
    ids=["one", "workers", "mcp", "serve"],
)
async def test_a_signal_ends_the_wait_for_older_servers(
    program: tuple[str, ...], settings: dict[str, str], ledger_url: str, tmp_path: Path
) -> None:
    await _use_by_older_server(ledger_url, tmp_path)
    async with starting(tmp_path, *program, LEDGER=ledger_url, **{**FREE_PORTS, **settings}) as started:
        await started.told("(LEDGER: waiting for .*)")
        assert await started.stop(signal.SIGINT if settings else signal.SIGTERM) == 0
        await started.silent.wait()
    for late in ("cannot be used", "Starting Server B", "Traceback"):
        assert late not in "".join(started.lines)


def test_a_start_that_is_cancelled_leaves_no_thread_that_waits_for_the_files_lock(tmp_path: Path) -> None:
    """The end of the program would wait for the thread."""

    async def open_and_close() -> None:
        await (await open_sqlite(tmp_path / "relay.db", lock_patience_s=60)).aclose()

    async def start_for_a_moment() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await open_and_close()

    asyncio.run(open_and_close())
    began_at = time.monotonic()
    with contextlib.closing(sqlite3.connect(tmp_path / "relay.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asyncio.run(start_for_a_moment())  # its end waits for the threads
    assert time.monotonic() - began_at < 30
    asyncio.run(open_and_close())


async def test_a_signal_ends_the_wait_for_a_postgresql_that_does_not_answer(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with silent_server() as silent:
        url = f"postgresql://relay@127.0.0.1:{silent.getsockname()[1]}/relay"
        async with starting(tmp_path, "server_b", LEDGER=url, GRPC_PORT="0") as started:
            with await accepted(silent):
                assert await started.stop() == 0
            await started.silent.wait()
    assert "Starting Server B" not in "".join(started.lines)
