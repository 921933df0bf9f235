"""Reads which callers have a valid token, are admins or are disabled, within the transaction of a change."""

from __future__ import annotations

from server_b.ledger.base import Access
from server_b.ledger.transactions import Transaction

_HOLDERS = (
    "SELECT DISTINCT caller FROM tokens WHERE revoked_at IS NULL AND session_of IS NULL"
    " AND (expires_at IS NULL OR expires_at > :at)"
)
_ADMINS = "SELECT name FROM callers WHERE is_admin = 1"
_DISABLED = "SELECT name FROM callers WHERE is_disabled = 1"


async def read_access(transaction: Transaction, at_us: int) -> Access:
    """Returns the access of all callers as this transaction sees it."""
    holders, admins, disabled = await transaction.fetch_each(
        [(_HOLDERS, {"at": at_us}), (_ADMINS, {}), (_DISABLED, {})]
    )
    return Access(
        token_holders=frozenset(row[0] for row in holders),
        admins=frozenset(row[0] for row in admins),
        disabled=frozenset(row[0] for row in disabled),
    )
