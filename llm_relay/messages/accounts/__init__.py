"""The vocabulary of money: callers, their tokens and limits, and the budgets, calls and usage in the ledger.

Money is in nano-USD, as int; None is unknown, never 0. Times are in UTC unless a field says otherwise.
"""

from llm_relay.messages.accounts.activity import Activity
from llm_relay.messages.accounts.budgets import Budget, Period
from llm_relay.messages.accounts.callers import (
    SESSION_PREFIX,
    CallerAccount,
    NewToken,
    RateLeft,
    RateLimits,
    RatesLeft,
    TokenInfo,
)
from llm_relay.messages.accounts.calls import CallAttempt, CallEntry, CallQuery, CallsPage, CallState
from llm_relay.messages.accounts.changes import Adjustment, AuditEntry
from llm_relay.messages.accounts.identity import Identity
from llm_relay.messages.accounts.prices import Price, PriceFound, Repricing
from llm_relay.messages.accounts.usage import Dimension, UsageGroup, UsageQuery

__all__ = [
    "SESSION_PREFIX",
    "Activity",
    "Adjustment",
    "AuditEntry",
    "Budget",
    "CallAttempt",
    "CallEntry",
    "CallQuery",
    "CallState",
    "CallerAccount",
    "CallsPage",
    "Dimension",
    "Identity",
    "NewToken",
    "Period",
    "Price",
    "PriceFound",
    "RateLeft",
    "RateLimits",
    "RatesLeft",
    "Repricing",
    "TokenInfo",
    "UsageGroup",
    "UsageQuery",
]
