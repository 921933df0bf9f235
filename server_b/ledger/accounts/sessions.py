"""Sessions of the gateway's page: tokens that live for some hours, and no longer than the token they were made with."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from llm_relay.messages.accounts import NewToken, TokenInfo
from server_b.ledger.accounts.changes import Change
from server_b.ledger.times import from_us, to_us

SESSION_HOURS = 12
KEPT_HOURS = 24
"""How long the row of a session that is over stays."""


async def create_session(change: Change, secret: str, caller: str, parent: TokenInfo | None) -> NewToken:
    """Makes a session of `caller`, which is a full name; `parent` None: it signed in with a token of RELAY_TOKENS."""
    transaction, at = change.transaction, from_us(change.at_us)
    await transaction.execute(
        "DELETE FROM tokens WHERE session_of IS NOT NULL AND expires_at < :before",
        {"before": to_us(at - timedelta(hours=KEPT_HOURS))},
    )
    ends_at = at + timedelta(hours=SESSION_HOURS)
    if parent is not None and parent.expires_at is not None:
        ends_at = min(ends_at, parent.expires_at)
    info = TokenInfo(id=f"ses_{change.key[:16]}", caller=caller, label="session", created_at=at, expires_at=ends_at)
    await transaction.execute(
        "INSERT INTO tokens (id, caller, digest, label, created_at, expires_at, revision, session_of)"
        " VALUES (:id, :caller, :digest, :label, :at, :expires_at, :revision, :session_of) ON CONFLICT (id) DO NOTHING",
        {
            "id": info.id,
            "caller": caller,
            "digest": hashlib.sha256(secret.encode()).hexdigest(),
            "label": info.label,
            "at": change.at_us,
            "expires_at": to_us(ends_at),
            "revision": change.revision,
            "session_of": parent.id if parent is not None else "",
        },
    )
    return NewToken(info=info, secret=secret)


async def end_session(change: Change, session_id: str) -> None:
    """Ends a session; one that is over stays so."""
    await change.transaction.execute(
        "UPDATE tokens SET revoked_at = :at, revision = :revision"
        " WHERE id = :id AND session_of IS NOT NULL AND revoked_at IS NULL",
        {"at": change.at_us, "revision": change.revision, "id": session_id},
    )


async def shorten_sessions(change: Change, token_id: str, ends_at_us: int) -> None:
    """Lets the sessions of a token end with it."""
    await change.transaction.execute(
        "UPDATE tokens SET expires_at = :ends_at, revision = :revision"
        " WHERE session_of = :id AND revoked_at IS NULL AND expires_at > :ends_at",
        {"ends_at": ends_at_us, "revision": change.revision, "id": token_id},
    )
