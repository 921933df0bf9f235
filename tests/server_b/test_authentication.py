"""Who is calling, by every kind of token, and which callers are admins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from llm_relay.caller_tokens import Tokens
from llm_relay.errors import InvalidRequest, Unauthenticated
from llm_relay.messages.accounts import CallerAccount
from server_b.authentication import Authenticator, Credentials
from tests.support.memory_ledger import MemoryLedger

pytestmark = pytest.mark.anyio

OWN = Tokens.parse("gateway:own-secret", ("gateway",))
TOKENS = Tokens.parse("bob:bob-secret,edge:edge-secret,gw:gw-secret", ("gw",))


def bearer(token: str, on_behalf_of: str | None = None) -> Credentials:
    """Makes the credentials of a call over loopback."""
    return Credentials(authorization=f"Bearer {token}" if token else None, on_behalf_of=on_behalf_of, is_local=True)


async def created(ledger: MemoryLedger, caller: str, *, expires_at: datetime | None = None) -> str:
    """Creates a token in the ledger and returns its secret."""
    return (await ledger.create_token(caller, label="", expires_at=expires_at, by="root")).secret


def is_refused(authenticator: Authenticator, credentials: Credentials) -> bool:
    """Returns whether a call is refused."""
    with pytest.raises(Unauthenticated):
        authenticator.caller(credentials)
    return True


async def test_without_any_token_every_caller_is_anonymous_until_the_ledger_has_one() -> None:
    ledger = MemoryLedger()
    authenticator = Authenticator(own_tokens=OWN, books=ledger)
    assert authenticator.caller(bearer("")) == "anonymous"
    assert authenticator.caller(bearer("whatever")) == "anonymous"
    assert authenticator.caller(bearer("own-secret", "anonymous")) == "anonymous"
    secret = await created(ledger, "alice")
    assert authenticator.needs_token
    assert authenticator.caller(bearer(secret)) == "alice"
    assert is_refused(authenticator, bearer(""))
    assert is_refused(authenticator, bearer("whatever"))
    assert is_refused(authenticator, bearer("own-secret", "anonymous"))
    assert authenticator.caller(bearer("own-secret", "alice")) == "gateway/alice"


async def test_revoked_and_expired_tokens_are_refused_and_no_longer_require_tokens_of_others() -> None:
    ledger = MemoryLedger()
    authenticator = Authenticator(books=ledger)
    revoked = await created(ledger, "alice")
    await ledger.revoke_token("t1", by="root")
    expired = await created(ledger, "alice", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    for secret in (revoked, expired, "rly_unknown"):
        assert is_refused(authenticator, bearer(secret))
    assert authenticator.caller(bearer("")) == "anonymous"


async def test_a_disabled_caller_is_refused_with_every_token_that_it_has() -> None:
    ledger = MemoryLedger()
    authenticator = Authenticator(TOKENS, own_tokens=OWN, books=ledger)
    secret = await created(ledger, "bob")
    assert authenticator.caller(bearer(secret)) == authenticator.caller(bearer("bob-secret")) == "bob"
    assert authenticator.caller(bearer("gw-secret", "bob")) == "gw/bob"
    await ledger.put_caller(CallerAccount(name="bob", is_disabled=True), by="root")
    assert is_refused(authenticator, bearer(secret))
    assert is_refused(authenticator, bearer("bob-secret"))
    for token in ("gw-secret", "own-secret"):
        with pytest.raises(Unauthenticated) as refused:
            authenticator.caller(bearer(token, "bob"))
        assert refused.value.is_of_caller  # the gateway's token is valid: its own caller is refused
    assert authenticator.caller(bearer("edge-secret")) == "edge"


async def test_a_token_of_a_disabled_caller_does_not_require_tokens_of_others() -> None:
    ledger = MemoryLedger()
    authenticator = Authenticator(books=ledger)
    await created(ledger, "bob")
    await ledger.put_caller(CallerAccount(name="bob", is_disabled=True), by="root")
    assert authenticator.caller(bearer("")) == "anonymous"


async def test_a_caller_of_the_ledger_gets_no_right_of_a_program_with_the_same_name() -> None:
    ledger = MemoryLedger()
    authenticator = Authenticator(own_tokens=OWN, books=ledger)
    secret = await created(ledger, "gateway")
    assert authenticator.caller(bearer(secret, "alice")) == "gateway"


@pytest.mark.parametrize(
    ("delegate", "expected"),
    [("gw-secret", "gw"), ("edge-secret", "edge")],
)
async def test_callers_without_tokens_count_as_the_program_if_its_operator_requires_none(
    delegate: str, expected: str
) -> None:
    ledger = MemoryLedger()
    authenticator = Authenticator(TOKENS, books=ledger)
    assert authenticator.caller(bearer(delegate, "anonymous")) == expected


async def test_delegates_may_name_only_valid_caller_names() -> None:
    with pytest.raises(InvalidRequest):
        Authenticator(own_tokens=OWN).caller(bearer("own-secret", "a/b"))


async def test_where_a_token_is_always_required_no_caller_is_anonymous() -> None:
    authenticator = Authenticator(anonymous_allowed=False, own_tokens=OWN)
    assert is_refused(authenticator, bearer(""))
    assert is_refused(authenticator, bearer("own-secret", "anonymous"))


async def test_an_unknown_token_of_the_ledger_is_looked_up_once_more() -> None:
    class Late(MemoryLedger):
        async def refresh(self) -> None:
            await created(self, "alice")

    ledger = Late()
    authenticator = Authenticator(books=ledger)
    secret = f"rly_{1:043}"
    assert await authenticator.authenticate(bearer(secret)) == "alice"


async def test_without_a_ledger_its_tokens_are_refused() -> None:
    assert is_refused(Authenticator(), bearer("rly_x"))


@pytest.mark.parametrize(
    ("token", "on_behalf_of", "is_admin"),
    [
        ("bob-secret", None, True),  # RELAY_ADMINS
        ("edge-secret", None, False),
        ("gw-secret", "bob", False),  # delegates pass on no rights; RELAY_ADMINS has gw/root
        ("gw-secret", "root", True),  # RELAY_ADMINS has gw/root
        ("gw-secret", "carol", False),
        ("own-secret", None, False),
    ],
)
async def test_admins_are_named_in_full_or_created(token: str, on_behalf_of: str | None, is_admin: bool) -> None:
    ledger = MemoryLedger()
    await ledger.put_caller(CallerAccount(name="carol", is_admin=True), by="root")
    await ledger.put_caller(CallerAccount(name="gateway", is_admin=True), by="root")
    authenticator = Authenticator(TOKENS, own_tokens=OWN, books=ledger, admins=frozenset({"bob", "gw/root"}))
    credentials = bearer(token, on_behalf_of)
    assert authenticator.is_admin(authenticator.caller(credentials), credentials) is is_admin


async def test_callers_made_admins_are_admins_with_tokens_of_the_ledger() -> None:
    ledger = MemoryLedger()
    await ledger.put_caller(CallerAccount(name="carol", is_admin=True), by="root")
    authenticator = Authenticator(books=ledger)
    credentials = bearer(await created(ledger, "carol"))
    assert authenticator.is_admin(authenticator.caller(credentials), credentials)


async def test_anonymous_is_an_admin_only_on_this_machine() -> None:
    authenticator = Authenticator(books=MemoryLedger())
    assert authenticator.is_admin("anonymous", Credentials(is_local=True))
    assert not authenticator.is_admin("anonymous", Credentials(is_local=False))
    assert not authenticator.is_admin("anonymous", Credentials(is_local=True, on_behalf_of="anonymous"))
