"""Converts the messages of accounts to protobuf and back."""

from llm_relay.wire.accounts.messages import (
    AUDIT_ENTRY,
    BUDGET,
    CALL_ENTRY,
    CALL_QUERY,
    CALLER_ACCOUNT,
    IDENTITY,
    PRICE,
    PRICE_FOUND,
    REPRICING,
    TOKEN_INFO,
    UNKNOWN_CALLS,
    USAGE_QUERY,
    usage_group_from_wire,
    usage_group_to_wire,
)

__all__ = [
    "AUDIT_ENTRY",
    "BUDGET",
    "CALLER_ACCOUNT",
    "CALL_ENTRY",
    "CALL_QUERY",
    "IDENTITY",
    "PRICE",
    "PRICE_FOUND",
    "REPRICING",
    "TOKEN_INFO",
    "UNKNOWN_CALLS",
    "USAGE_QUERY",
    "usage_group_from_wire",
    "usage_group_to_wire",
]
