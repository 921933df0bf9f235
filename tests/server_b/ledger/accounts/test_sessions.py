"""Sessions of the gateway's page: they end by themselves, at sign-out, and with the token behind them."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from llm_relay.errors import Unauthenticated
from llm_relay.messages.accounts import NewToken
from server_b.ledger.accounts.sessions import MOST_SESSIONS
from server_b.ledger.base import Ledger
from server_b.ledger.open_ledger import open_ledger
from tests.server_b.ledger.ledger_calls import Clock

pytestmark = pytest.mark.anyio


def end_of(ledger: Ledger, session: NewToken) -> datetime | None:
    """Returns when a session ends; None if it has been ended."""
    found = ledger.policy.tokens.get(hashlib.sha256(session.secret.encode()).digest())
    return found.expires_at if found else None


async def test_a_session_lives_for_twelve_hours_and_is_in_no_list(ledger: Ledger, clock: Clock) -> None:
    session = await ledger.create_session("gateway/alice", parent=None)
    assert session.secret.startswith("rly_")
    assert session.info.caller == "gateway/alice"
    assert end_of(ledger, session) == clock.now + timedelta(hours=12)
    assert await ledger.list_tokens() == []
    assert await ledger.list_callers() == []


async def test_a_session_lives_no_longer_than_its_token(ledger: Ledger, clock: Clock) -> None:
    ends_at = clock.now + timedelta(hours=1)
    token = await ledger.create_token("alice", label="", expires_at=ends_at, by="root")
    assert end_of(ledger, await ledger.create_session("alice", parent=token.info)) == ends_at


async def test_a_session_ends_at_sign_out(ledger: Ledger) -> None:
    session, other = [await ledger.create_session("alice", parent=None) for _ in range(2)]
    await ledger.end_session(session.info.id, by="alice")
    assert end_of(ledger, session) is None
    assert end_of(ledger, other) is not None


async def test_a_session_cannot_end_a_token(ledger: Ledger) -> None:
    token = await ledger.create_token("alice", label="", expires_at=None, by="root")
    await ledger.end_session(token.info.id, by="alice")
    (kept,) = await ledger.list_tokens()
    assert kept.revoked_at is None


async def test_sessions_end_with_a_token_that_is_revoked_or_rotated(ledger: Ledger, clock: Clock) -> None:
    token = await ledger.create_token("alice", label="", expires_at=None, by="root")
    session = await ledger.create_session("alice", parent=token.info)
    await ledger.rotate_token(token.info.id, overlap_s=600, by="root")
    assert end_of(ledger, session) == clock.now + timedelta(seconds=600)
    await ledger.revoke_token(token.info.id, by="root")
    assert end_of(ledger, session) == clock.now


async def test_a_session_creates_no_other_that_would_outlive_its_token(ledger: Ledger) -> None:
    token = await ledger.create_token("alice", label="", expires_at=None, by="root")
    session = await ledger.create_session("alice", parent=token.info)
    with pytest.raises(Unauthenticated):
        await ledger.create_session("alice", parent=session.info)


async def test_a_token_that_was_just_revoked_on_another_server_creates_no_session(ledger: Ledger) -> None:
    token = await ledger.create_token("alice", label="", expires_at=None, by="root")
    await ledger.revoke_token(token.info.id, by="root")
    with pytest.raises(Unauthenticated):
        await ledger.create_session("alice", parent=token.info)


async def test_signing_in_repeatedly_ends_the_oldest_session(ledger: Ledger, clock: Clock) -> None:
    other = await ledger.create_session("bob", parent=None)
    made = []
    for _ in range(MOST_SESSIONS + 2):
        clock.now += timedelta(seconds=1)
        made.append(await ledger.create_session("alice", parent=None))
    ended = [end_of(ledger, session) is None for session in made]
    assert ended == [True, True, *[False] * MOST_SESSIONS]
    assert end_of(ledger, other) is not None


async def test_ended_sessions_are_deleted(ledger: Ledger, clock: Clock) -> None:
    first = await ledger.create_session("alice", parent=None)
    clock.now += timedelta(hours=13)
    await ledger.create_session("alice", parent=None)
    assert end_of(ledger, first) is None
    assert len(ledger.policy.tokens) == 1


async def test_a_session_is_known_to_every_server_of_the_ledger(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    other = await open_ledger(ledger_url, folder=tmp_path)
    try:
        session = await ledger.create_session("alice", parent=None)
        await other.refresh()
        assert end_of(other, session) is not None
        await ledger.end_session(session.info.id, by="alice")
        await other.refresh()
        assert end_of(other, session) is None
    finally:
        await other.aclose(grace_s=5)
