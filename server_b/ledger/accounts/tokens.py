"""Bearer tokens of the ledger. A secret is shown once, when its token is created; the ledger keeps its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import NewToken, TokenInfo
from server_b.ledger.accounts.callers import ensure_caller, make_admin
from server_b.ledger.accounts.changes import Change, missing
from server_b.ledger.accounts.rules import check, token_faults
from server_b.ledger.accounts.sessions import shorten_sessions
from server_b.ledger.policies import TOKEN_COLUMNS, token_from_row
from server_b.ledger.times import from_us, optional_to_us, to_us
from server_b.ledger.transactions import Transaction

PREFIX = "rly_"
"""Every token of a ledger begins with this."""
SECRET_BYTES = 32


def new_secret() -> str:
    """Returns a new token secret: PREFIX and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


async def create_token(
    change: Change, secret: str, caller: str, *, label: str, expires_at: datetime | None, is_admin: bool = False
) -> NewToken:
    """Creates a token with this secret, and its caller if it does not exist; `is_admin` makes the caller an admin."""
    check(token_faults(caller, label, expires_at, from_us(change.at_us)))
    await ensure_caller(change, caller)
    if is_admin:
        await make_admin(change, caller)
    return await _insert(
        change,
        secret,
        TokenInfo(
            id=f"tok_{change.key[:16]}",
            caller=caller,
            label=label,
            created_at=from_us(change.at_us),
            expires_at=expires_at,
        ),
        {},
    )


async def rotate_token(change: Change, secret: str, token_id: str, *, overlap_s: float) -> NewToken:
    """Creates a token that succeeds another, with the same caller, label and lifetime.

    The old token expires after `overlap_s` seconds, or earlier if its own expiry is earlier.
    """
    old = await _token(change.transaction, token_id)
    now = from_us(change.at_us)
    if old.revoked_at is not None or old.has_expired(now):
        raise InvalidRequest.of(
            Violation("token_id", "must be a token that is still valid: create a new token instead")
        )
    ends_at = now + timedelta(seconds=overlap_s)
    if old.expires_at is not None:
        ends_at = min(ends_at, old.expires_at)
    await change.transaction.execute(
        "UPDATE tokens SET expires_at = :at, revision = :revision WHERE id = :id",
        {"at": to_us(ends_at), "revision": change.revision, "id": token_id},
    )
    await shorten_sessions(change, token_id, to_us(ends_at))
    new = replace(
        old,
        id=f"tok_{change.key[:16]}",
        created_at=now,
        expires_at=None if old.expires_at is None else now + (old.expires_at - old.created_at),
    )
    return await _insert(change, secret, new, {"succeeds": token_id, "overlap_s": overlap_s})


async def revoke_token(change: Change, token_id: str) -> TokenInfo:
    """Revokes a token. Does nothing if it is already revoked."""
    old = await _token(change.transaction, token_id)
    if old.revoked_at is not None:
        return old
    await change.transaction.execute(
        "UPDATE tokens SET revoked_at = :at, revision = :revision WHERE id = :id",
        {"at": change.at_us, "revision": change.revision, "id": token_id},
    )
    await shorten_sessions(change, token_id, change.at_us)
    await change.audit("token.revoke", old.caller, {"id": token_id, "label": old.label})
    return replace(old, revoked_at=from_us(change.at_us))


async def list_tokens(transaction: Transaction, caller: str) -> Sequence[TokenInfo]:
    """Lists the tokens of a caller, or all tokens, newest first. Sessions are left out."""
    rows = await transaction.fetch(
        f"SELECT {TOKEN_COLUMNS} FROM tokens"  # noqa: S608 - columns
        " WHERE (caller = :caller OR :caller = '') AND session_of IS NULL"
        " ORDER BY created_at DESC, id DESC",
        {"caller": caller},
    )
    return [token_from_row(row) for row in rows]


async def _insert(change: Change, secret: str, info: TokenInfo, more: dict[str, object]) -> NewToken:
    made = await change.transaction.fetch(
        "INSERT INTO tokens (id, caller, digest, label, created_at, expires_at, revision)"
        " VALUES (:id, :caller, :digest, :label, :at, :expires_at, :revision) ON CONFLICT (id) DO NOTHING RETURNING id",
        {
            "id": info.id,
            "caller": info.caller,
            "digest": hashlib.sha256(secret.encode()).hexdigest(),
            "label": info.label,
            "at": change.at_us,
            "expires_at": optional_to_us(info.expires_at),
            "revision": change.revision,
        },
    )
    if made:
        detail = {"id": info.id, "label": info.label, "expires_at": info.expires_at, **more}
        await change.audit("token.rotate" if more else "token.create", info.caller, detail)
    return NewToken(info=info, secret=secret)


async def _token(transaction: Transaction, token_id: str) -> TokenInfo:
    rows = await transaction.fetch(f"SELECT {TOKEN_COLUMNS} FROM tokens WHERE id = :id", {"id": token_id})  # noqa: S608
    if not rows:
        raise missing("token_id", f"token {token_id!r}" if token_id else "token without an id")
    return token_from_row(rows[0])
