"""Sessions of the gateway's page: tokens for some hours that never outlive the token they were created with."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from llm_relay.errors import Unauthenticated
from llm_relay.messages.accounts import SESSION_PREFIX, NewToken, TokenInfo
from server_b.ledger.accounts.changes import Change
from server_b.ledger.times import from_us, optional_from_us, to_us
from server_b.ledger.transactions import Transaction

SESSION_HOURS = 12
KEPT_HOURS = 24
"""How long the row of an expired session is kept."""
KEPT_ENDED_HOURS = 1
"""How long the row of a session that was ended is kept. By then every server has read that it ended."""
MOST_SESSIONS = 50
"""Per caller. One more ends the oldest, so that repeated sign-ins cannot fill the memory."""


async def create_session(
    change: Change, secret: str, caller: str, parent: TokenInfo | None, signed_in_with: str
) -> NewToken:
    """Creates a session of `caller`, a full name. `parent` is None if it signed in with a token of RELAY_TOKENS.

    `signed_in_with` is a mark that a holder of that token can check.

    Raises Unauthenticated if the parent is no longer valid, or is itself a session.
    """
    transaction, at = change.transaction, from_us(change.at_us)
    ends_at = at + timedelta(hours=SESSION_HOURS)
    if parent is not None:
        ends_at = min(ends_at, await _end_of_token(transaction, parent.id, at) or ends_at)
    await transaction.execute(
        "DELETE FROM tokens WHERE session_of IS NOT NULL AND (expires_at < :before OR revoked_at < :ended_before)",
        {
            "before": to_us(at - timedelta(hours=KEPT_HOURS)),
            "ended_before": to_us(at - timedelta(hours=KEPT_ENDED_HOURS)),
        },
    )
    await _end_oldest(change, caller)
    info = TokenInfo(
        id=f"{SESSION_PREFIX}{change.key[:16]}",
        caller=caller,
        label="session",
        created_at=at,
        expires_at=ends_at,
        signed_in_with=signed_in_with,
    )
    await transaction.execute(
        "INSERT INTO tokens (id, caller, digest, label, created_at, expires_at, revision, session_of,"
        " signed_in_with)"
        " VALUES (:id, :caller, :digest, :label, :at, :expires_at, :revision, :session_of, :signed_in_with)"
        " ON CONFLICT (id) DO NOTHING",
        {
            "id": info.id,
            "caller": caller,
            "digest": hashlib.sha256(secret.encode()).hexdigest(),
            "label": info.label,
            "at": change.at_us,
            "expires_at": to_us(ends_at),
            "revision": change.revision,
            "signed_in_with": signed_in_with,
            "session_of": parent.id if parent is not None else "",
        },
    )
    return NewToken(info=info, secret=secret)


async def _end_of_token(transaction: Transaction, token_id: str, at: datetime) -> datetime | None:
    """Returns when a token expires; None: never. Reads the database, because the token may just have been revoked."""
    rows = await transaction.fetch(
        "SELECT expires_at FROM tokens WHERE id = :id AND revoked_at IS NULL AND session_of IS NULL", {"id": token_id}
    )
    if not rows:  # a session created from another session could outlive the token behind both
        raise Unauthenticated("sign in with a valid token; a session cannot sign in", is_of_caller=True)
    ends_at = optional_from_us(rows[0][0])
    if ends_at is not None and ends_at <= at:
        raise Unauthenticated(is_of_caller=True)
    return ends_at


async def _end_oldest(change: Change, caller: str) -> None:
    """Ends the oldest sessions of a caller, to make room for one more."""
    await change.transaction.execute(
        "UPDATE tokens SET revoked_at = :at, revision = :revision WHERE id IN (SELECT id FROM tokens"
        " WHERE session_of IS NOT NULL AND caller = :caller AND revoked_at IS NULL AND expires_at > :at"
        " ORDER BY created_at DESC, id DESC LIMIT 1000000 OFFSET :others)",
        {"at": change.at_us, "revision": change.revision, "caller": caller, "others": MOST_SESSIONS - 1},
    )


async def end_session(change: Change, session_id: str) -> None:
    """Ends a session. Does nothing if it has already ended."""
    await change.transaction.execute(
        "UPDATE tokens SET revoked_at = :at, revision = :revision"
        " WHERE id = :id AND session_of IS NOT NULL AND revoked_at IS NULL",
        {"at": change.at_us, "revision": change.revision, "id": session_id},
    )


async def shorten_sessions(change: Change, token_id: str, ends_at_us: int) -> None:
    """Makes the sessions of a token expire no later than the token."""
    await change.transaction.execute(
        "UPDATE tokens SET expires_at = :ends_at, revision = :revision"
        " WHERE session_of = :id AND revoked_at IS NULL AND expires_at > :ends_at",
        {"ends_at": ends_at_us, "revision": change.revision, "id": token_id},
    )
