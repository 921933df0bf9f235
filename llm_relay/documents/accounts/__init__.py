"""Calls, usage, budgets and callers as JSON objects and CSV cells, for the command and for HTTP.

Money is in nano-USD; None is unknown. Times are RFC 3339 in UTC.
"""

from llm_relay.documents.accounts.calls import CallDocument, CallsDocument, call_document
from llm_relay.documents.accounts.changes import (
    audit_document,
    caller_document,
    price_document,
    price_found_document,
    token_document,
)
from llm_relay.documents.accounts.csv_text import csv_line
from llm_relay.documents.accounts.identity import (
    BudgetDocument,
    IdentityDocument,
    RatesDocument,
    budget_document,
    identity_document,
)
from llm_relay.documents.accounts.usage import (
    UsageGroupDocument,
    UsageGroupsDocument,
    dimensions_from_text,
    usage_group_document,
)

__all__ = [
    "BudgetDocument",
    "CallDocument",
    "CallsDocument",
    "IdentityDocument",
    "RatesDocument",
    "UsageGroupDocument",
    "UsageGroupsDocument",
    "audit_document",
    "budget_document",
    "call_document",
    "caller_document",
    "csv_line",
    "dimensions_from_text",
    "identity_document",
    "price_document",
    "price_found_document",
    "token_document",
    "usage_group_document",
]
