"""What admins set, as JSON objects: callers, tokens, prices, and the audit log."""

from __future__ import annotations

from typing import Any

from llm_relay.documents.accounts.identity import rates_document
from llm_relay.documents.accounts.times import time_text
from llm_relay.messages.accounts import AuditEntry, CallerAccount, Price, PriceFound, TokenInfo

Document = dict[str, Any]


def caller_document(caller: CallerAccount) -> Document:
    """Returns a caller as an object."""
    return {
        "name": caller.name,
        "parent": caller.parent,
        "is_admin": caller.is_admin,
        "is_disabled": caller.is_disabled,
        "models": list(caller.models),
        "rates": rates_document(caller.rates),
        "tags": dict(caller.tags),
        "created_at": time_text(caller.created_at),
    }


def token_document(token: TokenInfo) -> Document:
    """Returns a token as an object, without its secret."""
    return {
        "id": token.id,
        "caller": token.caller,
        "label": token.label,
        "created_at": time_text(token.created_at),
        "expires_at": time_text(token.expires_at),
        "revoked_at": time_text(token.revoked_at),
    }


def price_document(price: Price) -> Document:
    """Returns a price as an object, in nano-USD per million tokens."""
    return {
        "id": price.id,
        "pattern": price.pattern,
        "input": price.input,
        "output": price.output,
        "cache_read": price.cache_read,
        "cache_write": price.cache_write,
        "valid_from": time_text(price.valid_from),
        "valid_until": time_text(price.valid_until),
    }


def price_found_document(found: PriceFound) -> Document:
    """Returns the price of a model as an object. Its rates are null if no price is known."""
    rates = ("input", "output", "cache_read", "cache_write")
    return {
        "provider": found.provider,
        "model": found.model,
        **{name: getattr(found.price, name) if found.price else None for name in rates},
        "price_source": found.source,
    }


def audit_document(entry: AuditEntry) -> Document:
    """Returns a change as an object."""
    return {
        "id": entry.id,
        "at": time_text(entry.at),
        "by": entry.by,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
    }
