"""The ledger that LEDGER names is opened, or the start stops with the fault and its fix."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from server_b.ledger.open_ledger import LedgerError, open_ledger, open_store
from server_b.ledger.transactions import Store
from tests.server_b.ledger.ledger_calls import Clock, spend, take_back_to_version_3
from tests.support.money import select
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio


async def test_a_relative_path_is_in_the_folder_and_an_absolute_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for url, path in (
        ("sqlite:///relay.db", tmp_path / "relay.db"),
        ("sqlite:///sub/../x.db", tmp_path / "x.db"),
        (f"sqlite:///{tmp_path}/abs.db", tmp_path / "abs.db"),
    ):
        ledger = await open_ledger(url, folder=tmp_path)
        assert ledger.location == str(path)
        assert path.exists()
        await ledger.aclose(grace_s=1)


@pytest.mark.parametrize(
    "url", ["", "relay.db", "sqlite://", "sqlite:///", "sqlite://relay.db", "mysql://x/y", "sqlite:///:memory:", "on"]
)
async def test_a_url_of_an_unknown_form_stops_the_start(tmp_path: Path, url: str) -> None:
    with pytest.raises(LedgerError, match=r"^LEDGER: must be sqlite:///"):
        await open_store(url, folder=tmp_path)


async def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=rf"^LEDGER: cannot open {tmp_path}/no/relay\.db for writing: No such file"):
        await open_store("sqlite:///no/relay.db", folder=tmp_path)


async def test_a_folder_as_the_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=rf"^LEDGER: cannot open {tmp_path} for writing: Is a directory"):
        await open_store(f"sqlite:///{tmp_path}", folder=tmp_path)


async def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "relay.db").write_text("x" * 5000, "utf-8")
    with pytest.raises(LedgerError, match=rf"^LEDGER: cannot use {tmp_path}/relay\.db: file is not a database"):
        await open_store("sqlite:///relay.db", folder=tmp_path)


async def test_a_file_of_another_program_is_left_unchanged(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "relay.db") as connection:
        connection.execute("CREATE TABLE calls (number TEXT)")
    connection.close()
    with pytest.raises(LedgerError, match="table calls already exists"):
        await open_store("sqlite:///relay.db", folder=tmp_path)
    with sqlite3.connect(tmp_path / "relay.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("calls",)]
    connection.close()


async def test_a_newer_schema_stops_the_start(ledger_url: str, tmp_path: Path) -> None:
    store = await open_store(ledger_url, folder=tmp_path)
    await store.write(
        lambda transaction: transaction.execute("UPDATE ledger SET value = 999 WHERE key = 'schema_version'")
    )
    await store.aclose()
    with pytest.raises(LedgerError, match=r"^LEDGER: .*its schema is version 999, and this program knows \d+: install"):
        await open_store(ledger_url, folder=tmp_path)


async def test_an_old_ledger_without_usage_by_the_day_gets_it(ledger_url: str, tmp_path: Path) -> None:
    began = datetime(2026, 6, 10, 23, 30, tzinfo=UTC)
    ledger = await open_ledger(ledger_url, folder=tmp_path, now=Clock(began + timedelta(days=1)))
    for hours in (0, 0, 1, 2):
        await spend(ledger, began + timedelta(hours=hours), 5)
    await ledger.aclose(grace_s=1)
    store = await open_store(ledger_url, folder=tmp_path)
    columns = "day, calls, failed, input_tokens, nano_usd, charged_nano_usd"
    days = await select(store, columns, "usage_days")
    assert sorted(row[1:] for row in days) == [(2, 0, 20, 10, 10), (2, 0, 20, 10, 10)]
    await take_back_to_version_3(store)
    await store.aclose()
    store = await open_store(ledger_url, folder=tmp_path)
    assert sorted(await select(store, columns, "usage_days")) == sorted(days)
    await store.aclose()


async def test_opening_again_keeps_the_contents(store: Store, ledger_url: str, tmp_path: Path) -> None:
    await store.write(lambda transaction: transaction.execute("UPDATE ledger SET value = 7 WHERE key = 'revision'"))
    again = await open_store(ledger_url, folder=tmp_path)
    assert await select(again, "value", "ledger", "key = 'revision'") == [(7,)]
    await again.aclose()


@pytest.mark.faults
@pytest.mark.parametrize("is_old", [False, True])
async def test_servers_that_start_at_once_on_a_new_or_old_ledger_all_open_it(
    ledger_url: str, tmp_path: Path, is_old: bool
) -> None:
    if is_old:
        ledger = await open_ledger(ledger_url, folder=tmp_path)
        for _ in range(3):
            await spend(ledger, datetime(2026, 6, 10, tzinfo=UTC), 5)
        await ledger.aclose(grace_s=1)
        store = await open_store(ledger_url, folder=tmp_path)
        await take_back_to_version_3(store)
        await store.aclose()
    program = (
        "import asyncio, pathlib, sys\n"
        "from server_b.ledger.open_ledger import open_ledger\n"
        "async def main():\n"
        "    ledger = await open_ledger(sys.argv[1], folder=pathlib.Path())\n"
        "    await ledger.aclose(grace_s=1)\n"
        "asyncio.run(main())\n"
    )
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", program, ledger_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    ends = await asyncio.gather(*(process.communicate() for process in started))
    assert [(process.returncode, stderr) for process, (_, stderr) in zip(started, ends, strict=True)] == [(0, b"")] * 4
    store = await open_store(ledger_url, folder=tmp_path)
    assert await select(store, "calls, nano_usd", "usage_days") == ([(3, 15)] if is_old else [])
    await store.aclose()


@pytest.mark.parametrize(
    ("user", "database", "complaint"),
    [
        ("relay", "nowhere", 'database "nowhere" does not exist'),
        ("nobody", "postgres", 'role "nobody" does not exist'),
        ("guarded:wrong-secret", "postgres", "password authentication failed"),
    ],
)
async def test_a_database_that_refuses_the_connection_stops_the_start(
    postgres: PostgresServer, tmp_path: Path, user: str, database: str, complaint: str
) -> None:
    url = f"postgresql://{user}@127.0.0.1:{postgres.port}/{database}"
    with pytest.raises(LedgerError) as caught:
        await open_store(url, folder=tmp_path)
    text = str(caught.value)
    assert text.startswith(
        f"LEDGER: cannot use postgresql://{user.partition(':')[0]}@127.0.0.1:{postgres.port}/{database}"
    )
    assert complaint in text
    assert "wrong-secret" not in text


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("CREATE ROLE intruder LOGIN", "permission denied for schema public"),
        ("CREATE ROLE intruder NOLOGIN", 'role "intruder" is not permitted to log in'),
        ("CREATE ROLE intruder LOGIN; CREATE TABLE ledger (a INT)", 'column "value" does not exist'),
        ("CREATE ROLE intruder LOGIN SUPERUSER; CREATE TABLE calls (a INT)", 'relation "calls" already exists'),
    ],
)
async def test_a_database_without_rights_or_of_another_program_stops_the_start(
    postgres: PostgresServer, tmp_path: Path, sql: str, complaint: str
) -> None:
    url = postgres.create_database(f"strange_{abs(hash(sql))}")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in sql.split("; "):
            await connection.execute(statement)
        try:
            with pytest.raises(LedgerError, match=f"^LEDGER: cannot use .*{complaint}: correct the URL, or "):
                await open_store(url.replace("relay@", "intruder@"), folder=tmp_path)
        finally:
            await connection.execute("DROP ROLE intruder")


@pytest.mark.parametrize("url", ["postgresql://host:port/x", "postgresql://h/x?nonsense=1"])
async def test_a_url_that_postgresql_does_not_accept_stops_the_start(tmp_path: Path, url: str) -> None:
    with pytest.raises(LedgerError, match=r"^LEDGER: not the URL of a PostgreSQL database: \w+"):
        await open_store(url, folder=tmp_path)


async def test_the_location_shows_no_password(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.create_database("location")
    ledger = await open_ledger(url.replace("relay@", "relay:hunter2@"), folder=tmp_path)
    assert ledger.location == url
    await ledger.aclose(grace_s=1)


def test_postgresql_without_its_driver_says_how_to_get_it(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "sys.modules['psycopg'] = None\n"
        "from server_b.ledger.open_ledger import open_ledger\n"
        "asyncio.run(open_ledger('postgresql://h/x', folder=pathlib.Path()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "LEDGER: PostgreSQL needs a driver: install it with pip install 'grpc-llm-relay[postgres]'" in done.stderr
