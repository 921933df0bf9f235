"""Callers, their parents, and tokens."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from llm_relay.errors import InvalidRequest
from llm_relay.messages.accounts import CallerAccount, NewToken, RateLimits
from server_b.ledger.base import Ledger
from server_b.ledger.open_ledger import open_ledger
from tests.server_b.ledger.ledger_calls import Clock

pytestmark = pytest.mark.anyio

WHOLE = CallerAccount(
    name="alice",
    parent="team",
    is_admin=True,
    is_disabled=True,
    models=("openai/*", "mock/*"),
    rates=RateLimits(calls_per_minute=60, tokens_per_minute=10_000, concurrent_calls=3),
    tags={"project": "sök", "a": ""},
)


def contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir()]


def known(ledger: Ledger, token: NewToken) -> bool:
    return hashlib.sha256(token.secret.encode()).digest() in ledger.policy.tokens


async def test_a_caller_is_stored_whole_and_replaced_whole(ledger: Ledger, clock: Clock) -> None:
    made = await ledger.put_caller(WHOLE, by="root")
    assert made == replace(WHOLE, created_at=clock.now)
    assert await ledger.list_callers() == [made]
    assert ledger.policy.callers == {"alice": made}
    clock.now += timedelta(days=1)
    plain = await ledger.put_caller(CallerAccount(name="alice"), by="root")
    assert plain == CallerAccount(name="alice", created_at=made.created_at)
    assert await ledger.list_callers() == [plain]


async def test_parents_form_no_cycle(ledger: Ledger) -> None:
    await ledger.put_caller(CallerAccount(name="a", parent="b"), by="root")
    await ledger.put_caller(CallerAccount(name="b", parent="c"), by="root")
    with pytest.raises(InvalidRequest, match="cycle: c > a > b > c"):
        await ledger.put_caller(CallerAccount(name="c", parent="a"), by="root")
    assert [caller.name for caller in await ledger.list_callers()] == ["a", "b"]


async def test_a_caller_has_at_most_four_ancestors(ledger: Ledger) -> None:
    for name, parent in (("a", "b"), ("b", "c"), ("d", "e")):
        await ledger.put_caller(CallerAccount(name=name, parent=parent), by="root")
    await ledger.put_caller(CallerAccount(name="c", parent="d"), by="root")
    with pytest.raises(InvalidRequest, match="at most 4 callers above any caller: a > b > c > d > e > f"):
        await ledger.put_caller(CallerAccount(name="e", parent="f"), by="root")
    with pytest.raises(InvalidRequest, match="0 > a > b > c > d > e"):
        await ledger.put_caller(CallerAccount(name="0", parent="a"), by="root")


async def test_a_token_is_random_and_only_its_digest_is_stored(ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
    made = await ledger.create_token("alice", label="laptop", expires_at=None, by="root")
    assert made.secret.startswith("rly_")
    assert len(made.secret) == 47
    assert known(ledger, made)
    assert await ledger.list_tokens("alice") == [made.info] == await ledger.list_tokens()
    assert await ledger.list_tokens("bob") == []
    assert [caller.name for caller in await ledger.list_callers()] == ["alice"]
    assert made.secret not in repr(made)
    assert not any(made.secret.encode() in content for content in contents(tmp_path))


async def test_a_revoked_token_is_no_longer_known(ledger: Ledger, clock: Clock) -> None:
    made = await ledger.create_token("alice", label="", expires_at=None, by="root")
    revoked = await ledger.revoke_token(made.info.id, by="root")
    assert revoked.revoked_at == clock.now
    assert not known(ledger, made)
    clock.now += timedelta(hours=1)
    assert await ledger.revoke_token(made.info.id, by="root") == revoked
    with pytest.raises(InvalidRequest, match="there is no token 'x'"):
        await ledger.revoke_token("x", by="root")


async def test_a_rotated_token_stays_valid_for_the_overlap(ledger: Ledger, clock: Clock) -> None:
    old = await ledger.create_token("alice", label="ci", expires_at=clock.now + timedelta(days=30), by="root")
    clock.now += timedelta(days=10)
    new = await ledger.rotate_token(old.info.id, overlap_s=3600, by="root")
    assert (new.info.caller, new.info.label) == ("alice", "ci")
    assert new.info.expires_at == clock.now + timedelta(days=30)
    assert new.secret != old.secret
    assert known(ledger, old)
    assert known(ledger, new)
    times = {token.id: token.expires_at for token in await ledger.list_tokens()}
    assert times[old.info.id] == clock.now + timedelta(hours=1)
    clock.now += timedelta(hours=1)
    with pytest.raises(InvalidRequest, match="still valid"):
        await ledger.rotate_token(old.info.id, overlap_s=0, by="root")


async def test_an_overlap_never_extends_a_tokens_life(ledger: Ledger, clock: Clock) -> None:
    ends_at = clock.now + timedelta(minutes=1)
    old = await ledger.create_token("alice", label="", expires_at=ends_at, by="root")
    await ledger.rotate_token(old.info.id, overlap_s=86_400, by="root")
    assert {token.id: token.expires_at for token in await ledger.list_tokens()}[old.info.id] == ends_at


async def test_another_server_sees_changes_when_it_looks(
    ledger: Ledger, clock: Clock, ledger_url: str, tmp_path: Path
) -> None:
    other = await open_ledger(ledger_url, folder=tmp_path, now=clock)
    try:
        made = await ledger.create_token("alice", label="", expires_at=None, by="root")
        await other.refresh()
        assert known(other, made)
        await ledger.revoke_token(made.info.id, by="root")
        await other.refresh()
        assert not known(other, made)
    finally:
        await other.aclose(grace_s=5)


async def test_every_change_is_in_the_audit_log(ledger: Ledger, clock: Clock) -> None:
    token = await ledger.create_token("alice", label="x", expires_at=None, by="root")
    await ledger.rotate_token(token.info.id, overlap_s=0, by="root")
    await ledger.revoke_token(token.info.id, by="eve")
    await ledger.put_caller(WHOLE, by="root")
    entries = await ledger.list_audit()
    actions = [(entry.by, entry.action, entry.subject) for entry in entries]
    assert sorted(actions) == sorted(
        [
            ("root", "caller.put", "alice"),
            ("root", "token.create", "alice"),
            ("root", "token.rotate", "alice"),
            ("eve", "token.revoke", "alice"),
            ("root", "caller.put", "alice"),
        ]
    )
    assert all(entry.at == clock.now for entry in entries)
    assert not any("rly_" in entry.detail for entry in entries)
    assert any("tokens_per_minute" in entry.detail for entry in entries)
    assert len(await ledger.list_audit(limit=2)) == 2
    with pytest.raises(InvalidRequest, match="limit"):
        await ledger.list_audit(limit=0)


async def test_a_refused_change_changes_nothing(ledger: Ledger, clock: Clock) -> None:
    before = ledger.policy.revision
    with pytest.raises(InvalidRequest, match="expires_at"):
        await ledger.create_token("alice", label="", expires_at=clock.now, by="root")
    await ledger.refresh()
    assert ledger.policy.revision == before
    assert await ledger.list_audit() == []
    assert await ledger.list_callers() == []


async def test_only_the_fields_that_are_named_are_changed(ledger: Ledger) -> None:
    made = await ledger.put_caller(WHOLE, by="root")
    other = CallerAccount(name="alice", rates=RateLimits(calls_per_minute=7), models=("bedrock/*",))
    changed = await ledger.put_caller(other, by="root", fields=("models", "rates.calls_per_minute"))
    rates = replace(made.rates, calls_per_minute=7)
    assert changed == replace(made, models=("bedrock/*",), rates=rates)
    assert await ledger.put_caller(other, by="root", fields=()) == changed
    assert (await ledger.put_caller(other, by="root", fields=["rates"])).rates == other.rates
    new = CallerAccount(name="bob", is_disabled=True)
    assert (await ledger.put_caller(new, by="root", fields=["models"])).is_disabled
    for field in ("name", "created_at", "rates.x", "colour"):
        with pytest.raises(
            InvalidRequest, match=r"^update_mask: must have fields of a caller only: parent, is_admin, "
        ):
            await ledger.put_caller(other, by="root", fields=[field])


async def test_a_caller_stays_disabled_whatever_another_admin_changes_meanwhile(
    ledger: Ledger, ledger_url: str, tmp_path: Path, clock: Clock
) -> None:
    other = await open_ledger(ledger_url, folder=tmp_path, now=clock)
    for number in range(1, 11):
        plain = CallerAccount(name=f"caller{number}")
        await ledger.put_caller(plain, by="root")
        await asyncio.gather(
            ledger.put_caller(replace(plain, is_disabled=True), by="root", fields=["is_disabled"]),
            other.put_caller(replace(plain, tags={"a": "b"}), by="other", fields=["tags"]),
        )
        await ledger.refresh()
        caller = ledger.policy.callers[plain.name]
        assert (caller.is_disabled, caller.tags) == (True, {"a": "b"})
    await other.aclose(grace_s=5)
