"""Copies of a ledger that is in use."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_relay.messages.accounts import CallQuery
from server_b.ledger.backup import backup
from server_b.ledger.open_ledger import LedgerError, open_ledger
from tests.server_b.ledger.ledger_calls import new_call, spend

pytestmark = pytest.mark.anyio


async def test_a_backup_is_the_ledger_at_one_moment(tmp_path: Path) -> None:
    url, target = "sqlite:///relay.db", tmp_path / "backup" / "relay.db"
    target.parent.mkdir()
    ledger = await open_ledger(url, folder=tmp_path)
    try:
        key = await spend(ledger, datetime.now(UTC), 5)
        size = await backup(url, target, folder=tmp_path)
        await spend(ledger, datetime.now(UTC), 6)
    finally:
        await ledger.aclose(grace_s=5)
    assert size == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in target.parent.iterdir()] == ["relay.db"]
    copy = await open_ledger(url, folder=target.parent)
    try:
        assert [call.id for call in (await copy.calls(CallQuery())).calls] == [key]
        await copy.reserve(new_call(datetime.now(UTC)))
    finally:
        await copy.aclose(grace_s=5)


@pytest.mark.parametrize(
    ("url", "target", "said"),
    [
        ("sqlite:///none.db", "new", "there is no file"),
        ("sqlite:///relay.db", "relay.db", "already exists"),
        ("sqlite:///relay.db", "none/new", "No such file"),
        ("sqlite:///text", "new", "not a database"),
        ("postgresql://relay@db/relay", "new", "pg_dump"),
    ],
)
async def test_an_impossible_backup_fails_with_the_cause(tmp_path: Path, url: str, target: str, said: str) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    ledger = await open_ledger("sqlite:///relay.db", folder=tmp_path)
    await ledger.aclose(grace_s=5)
    with pytest.raises(LedgerError, match=said):
        await backup(url, tmp_path / target, folder=tmp_path)
    assert not (tmp_path / "new").exists()
