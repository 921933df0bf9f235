"""What `check` reports about the ledger, without changing it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from llm_relay.tls.authority import Authority
from server_b.ledger.open_ledger import open_ledger
from tests.support.check_command import check, failed
from tests.support.postgres import CannotRun, PostgresServer, postgres_server
from tests.support.programs import running

pytestmark = pytest.mark.anyio

NEWER = "UPDATE ledger SET value = 99 WHERE key = 'schema_version'"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    try:
        with postgres_server() as server:
            yield server
    except CannotRun as reason:
        pytest.skip(f"PostgreSQL cannot run here: {reason}")


async def _lines(folder: Path, ledger: str, **settings: str) -> tuple[int, list[str]]:
    code, lines = await check(folder, "server_b", {"GRPC_PORT": "0", "LEDGER": ledger, **settings})
    return code, [line for line in lines if "LEDGER:" in line]


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


async def test_a_missing_ledger_is_not_created(tmp_path: Path) -> None:
    code, (line,) = await _lines(tmp_path, "sqlite:///relay.db")
    assert (code, line) == (
        0,
        f"ok      LEDGER: {tmp_path}/relay.db can be written; the first start creates the ledger",
    )
    assert _digests(tmp_path) == {}


async def test_ledgers_in_use_and_at_rest_are_not_changed(tmp_path: Path) -> None:
    async with running(tmp_path, "server_b", GRPC_PORT="0", LEDGER="sqlite:///relay.db") as program:
        assert await _lines(tmp_path, "sqlite:///relay.db") == (0, [f"ok      LEDGER: {tmp_path}/relay.db can be used"])
        await program.stop()
    before = _digests(tmp_path)
    assert await _lines(tmp_path, "sqlite:///relay.db") == (0, [f"ok      LEDGER: {tmp_path}/relay.db can be used"])
    assert _digests(tmp_path) == before


async def test_a_file_that_cannot_be_a_ledger_fails_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "relay.db").write_text("no database, and long enough to be told from an empty one" * 100, "utf-8")
    code, (line,) = await _lines(tmp_path, "sqlite:///relay.db")
    assert code == 1
    assert line.startswith("FAILED  LEDGER: cannot use ")
    code, (line,) = await _lines(tmp_path, "sqlite:///missing/relay.db")
    assert (code, "create the folder" in line) == (1, True)


@pytest.mark.parametrize("version", ["older", "newer"])
async def test_a_schema_of_another_version_is_reported_and_unchanged(tmp_path: Path, version: str) -> None:
    with closing(sqlite3.connect(tmp_path / "relay.db")) as database:
        database.execute("CREATE TABLE ledger (key TEXT PRIMARY KEY, value INTEGER)")
        database.execute(f"INSERT INTO ledger VALUES ('schema_version', {1 if version == 'older' else 99})")
        database.commit()
    before = _digests(tmp_path)
    code, (line,) = await _lines(tmp_path, "sqlite:///relay.db")
    expected = (0, "the next start changes it to") if version == "older" else (1, "install a newer version")
    assert (code, expected[1] in line) == (expected[0], True)
    assert _digests(tmp_path) == before


async def test_a_file_with_another_programs_table_named_ledger_fails_with_the_fix(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "relay.db")) as database:
        database.execute("CREATE TABLE ledger (key TEXT PRIMARY KEY, value INTEGER)")
    code, (line,) = await _lines(tmp_path, "sqlite:///relay.db")
    assert (code, line.endswith("belongs to another program: name another file or database")) == (1, True)


async def test_a_postgresql_ledger_is_inspected_and_not_created(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.create_database("looked_at")
    code, (line,) = await _lines(tmp_path, url)
    assert (code, "the first start creates the ledger" in line) == (0, True)
    code, (line,) = await _lines(tmp_path, url)
    assert "the first start creates the ledger" in line
    async with running(tmp_path, "server_b", GRPC_PORT="0", LEDGER=url):
        code, (line,) = await _lines(tmp_path, url)
    assert (code, line.endswith("can be used")) == (0, True)
    code, (line,) = await _lines(tmp_path, postgres.url("nobody_made_it"))
    assert (code, line.startswith("FAILED  LEDGER: cannot use the database")) == (1, True)


async def test_a_database_whose_user_may_create_no_tables_fails_with_the_fix(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.create_database("without_rights")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE ROLE reader LOGIN")
    code, (line,) = await _lines(tmp_path, url.replace("relay@", "reader@"))
    assert (code, "its user may not create tables in it: GRANT CREATE ON SCHEMA" in line) == (1, True)


async def test_a_relay_without_a_ledger_is_reported(tmp_path: Path) -> None:
    code, (line,) = await _lines(tmp_path, "off")
    assert (code, line.startswith("ok      LEDGER: off")) == (0, True)


async def test_traces_that_cannot_be_sent_are_a_warning(tmp_path: Path) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
    code, lines = await check(tmp_path, "server_b", {"GRPC_PORT": "0", **settings})
    assert (code, failed(lines)) == (0, [])
    assert any(line.startswith("ok      OTEL_*: traces are sent to http://127.0.0.1:4317") for line in lines)
    settings["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
    _, lines = await check(tmp_path, "server_b", {"GRPC_PORT": "0", **settings})
    assert any(line.startswith("warning OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf") for line in lines)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_beyond_loopback_a_valid_token_of_the_ledger_is_enough(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pair = Authority(tmp_path, "ca").issue("server")
    tls = {"GRPC_HOST": "0.0.0.0", "TLS_CERT_FILE": pair.cert_file, "TLS_KEY_FILE": pair.key_file}
    url = f"sqlite:///{tmp_path}/relay.db"
    if engine == "postgresql":
        url = request.getfixturevalue("postgres").create_database("with_tokens")

    async def host_line() -> str:
        _, lines = await check(tmp_path, "server_b", {"GRPC_PORT": "0", "LEDGER": url, **tls})
        return next(line for line in lines if "GRPC_HOST: " in line)

    async def change(name: str, *arguments: object, **named: object) -> Any:
        ledger = await open_ledger(url, folder=tmp_path)
        try:
            return await getattr(ledger, name)(*arguments, **named)
        finally:
            await ledger.aclose(grace_s=1)

    assert (await host_line()).startswith("FAILED  GRPC_HOST: 0.0.0.0 is not a loopback address")
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    made = await change("create_token", "ann", label="", expires_at=expires_at, by="test")
    assert await host_line() == "ok      GRPC_HOST: 0.0.0.0, over TLS; callers with a token of the ledger may call"
    await change("revoke_token", made.info.id, by="test")
    assert (await host_line()).startswith("FAILED")
