"""A file that is full, locked or gone: calls are refused, nothing is lost, and the ledger recovers by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.books.sql_books import SqlBooks
from server_b.ledger.entries import NewCall
from server_b.ledger.open_ledger import LedgerError, open_store
from server_b.ledger.transactions import Store
from tests.support.money import call_end, new_call, open_books, put_budget, select, until_writable

pytestmark = pytest.mark.anyio
WINDOW = "spent_nano_usd, reserved_nano_usd"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open file."""
    opened = await open_store("sqlite:///relay.db", folder=tmp_path)
    yield opened
    await opened.aclose()


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mounts a disk of memory, where that is allowed."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


async def reserve_until_refused(books: SqlBooks, calls: list[NewCall]) -> LedgerUnavailable:
    """Adds calls until one is refused, for a minute at most; returns its error."""
    async with asyncio.timeout(60):
        while True:
            call = new_call()
            try:
                await books.reserve(call)
            except LedgerUnavailable as error:
                return error
            calls.append(call)
            await asyncio.sleep(0.005)


def files(folder: Path) -> dict[str, int]:
    """Returns the modes of the files in a folder."""
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


async def test_a_full_disk_refuses_calls_until_it_has_room_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        store = await open_store("sqlite:///relay.db", folder=disk)
        await put_budget(store, 100_000)
        async with open_books(store) as books:
            running = [new_call() for _ in range(3)]
            for call in running:
                await books.reserve(call)
            with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
                while filler.write(b"x" * 4096):
                    pass
            refused = await reserve_until_refused(books, running)
            assert str(disk / "relay.db") in refused.operator_detail
            async with asyncio.timeout(60):  # it returns, although nothing can be written
                await asyncio.gather(*(books.settle(call_end(call)) for call in running))
            was_writable = books.is_writable
            async with until_writable():
                (disk / "filler").unlink()
            later = new_call()
            await books.reserve(later)
            assert not was_writable
            await books.settle(call_end(later))
            settled = len(running) + 1
            assert await select(store, "COUNT(*)", "calls", "state = 'settled' AND nano_usd = 300") == [(settled,)]
            assert await select(store, "COUNT(*)", "calls", "state = 'open'") == [(0,)]
            assert await select(store, WINDOW, "windows") == [(300 * settled, 0)]
        await store.aclose()


async def test_a_file_that_another_process_locks_refuses_calls(store: Store, tmp_path: Path) -> None:
    await put_budget(store, 100_000)
    holder = sqlite3.connect(tmp_path / "relay.db", isolation_level=None)
    call = new_call()
    async with open_books(store) as books:
        await books.reserve(call)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="ledger"):
            await books.reserve(new_call())
        await books.settle(call_end(call))  # returns all the same
        assert await select(store, "state", "calls") == [("open",)]
        async with until_writable():
            holder.execute("ROLLBACK")
        await books.reserve(new_call())
        assert await select(store, "state, COUNT(*)", "calls", group_by="state") == [("open", 1), ("settled", 1)]
    holder.close()


async def test_a_short_lock_of_another_process_is_waited_for(store: Store, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "relay.db", isolation_level=None)
    async with open_books(store) as books:
        await books.reserve(new_call())
        holder.execute("BEGIN IMMEDIATE")
        reserving = asyncio.ensure_future(books.reserve(new_call()))
        done, _ = await asyncio.wait([reserving], timeout=0.1)
        assert not done
        holder.execute("ROLLBACK")
        await reserving
    holder.close()


async def test_a_removed_file_is_reported_and_nothing_is_written_to_it(tmp_path: Path) -> None:
    store = await open_store("sqlite:///relay.db", folder=tmp_path)
    async with open_books(store) as books:
        await books.reserve(new_call())
        (tmp_path / "relay.db").rename(tmp_path / "away.db")
        refused = await reserve_until_refused(books, [])
        assert "was removed or replaced" in refused.operator_detail
        async with until_writable():
            (tmp_path / "away.db").rename(tmp_path / "relay.db")
        await books.reserve(new_call())
    await store.aclose()


async def test_a_file_on_a_read_only_disk_stops_the_start(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=2m") as disk:
        await (await open_store("sqlite:///relay.db", folder=disk)).aclose()
        remount = ["mount", "-o", "remount,ro", str(disk)]
        await asyncio.to_thread(lambda: subprocess.run(remount, check=True))
        with pytest.raises(
            LedgerError, match=rf"LEDGER: cannot open {disk}/relay\.db for writing: the file or its disk"
        ):
            await open_store("sqlite:///relay.db", folder=disk)


async def test_full_synchronisation_writes_and_survives_cancelled_callers(tmp_path: Path) -> None:
    store = await open_store("sqlite:///relay.db", folder=tmp_path, is_full_sync=True)
    await put_budget(store, 1_000_000)
    async with open_books(store) as books:
        for delay_s in (0, 0.0005, 0.001, 0.002):
            call = new_call()
            reserving = asyncio.ensure_future(books.reserve(call))
            await asyncio.wait([reserving], timeout=delay_s)
            reserving.cancel()
            await asyncio.wait([reserving])
            await books.settle(call_end(call, nano_usd=None, may_have_worked=False))
        call = new_call()
        await books.reserve(call)
        await books.settle(call_end(call))
    assert await select(store, WINDOW, "windows") == [(300, 0)]
    await store.aclose()


async def test_only_the_owner_may_read_the_files(store: Store, tmp_path: Path) -> None:
    async with open_books(store) as books:
        await books.reserve(new_call())
        modes = files(tmp_path)
    assert modes == {"relay.db": 0o600, "relay.db-wal": 0o600, "relay.db-shm": 0o600}


async def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    await (await open_store("sqlite:///relay.db", folder=tmp_path)).aclose()
    os.chmod(tmp_path / "relay.db", 0o644)  # noqa: PTH101
    await (await open_store("sqlite:///relay.db", folder=tmp_path)).aclose()
    assert (tmp_path / "relay.db").stat().st_mode & 0o777 == 0o600


async def test_the_log_is_gone_at_the_end(store: Store, tmp_path: Path) -> None:
    async with open_books(store) as books:
        await books.reserve(new_call())
        assert (tmp_path / "relay.db-wal").stat().st_size > 0
    await store.aclose()
    assert list(files(tmp_path)) == ["relay.db"]


def test_a_killed_server_loses_nothing_that_it_wrote(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, pathlib, signal\n"
        "from server_b.ledger.open_ledger import open_store\n"
        "from tests.support.money import *\n"
        "async def main():\n"
        "    store = await open_store('sqlite:///relay.db', folder=pathlib.Path(os.environ['FOLDER']))\n"
        "    await put_budget(store, 100_000)\n"
        "    async with open_books(store) as books:\n"
        "        first = new_call()\n"
        "        await books.reserve(first)\n"
        "        await books.settle(call_end(first))\n"
        "        await books.reserve(new_call())\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], env=os.environ | {"FOLDER": str(tmp_path)}, check=False)
    assert killed.returncode == -9
    connection = sqlite3.connect(tmp_path / "relay.db")
    assert connection.execute("SELECT state, nano_usd FROM calls ORDER BY state").fetchall() == [
        ("open", None),
        ("settled", 300),
    ]
    assert connection.execute("SELECT spent_nano_usd, reserved_nano_usd FROM windows").fetchall() == [(300, 1000)]
    connection.close()
