"""Each message of accounts.proto, with its dataclass."""

from __future__ import annotations

from collections.abc import Iterable

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.messages.accounts import (
    AuditEntry,
    Budget,
    CallAttempt,
    CallEntry,
    CallerAccount,
    CallQuery,
    CallState,
    Dimension,
    Identity,
    Period,
    Price,
    PriceFound,
    RateLimits,
    Repricing,
    TokenInfo,
    UsageGroup,
    UsageQuery,
)
from llm_relay.wire.accounts.mapping import Shape

RATES = Shape(pb.Rates, RateLimits)
CALLER_ACCOUNT = Shape(pb.CallerAccount, CallerAccount, nested={"rates": RATES})
TOKEN_INFO = Shape(pb.TokenInfo, TokenInfo)
BUDGET = Shape(pb.Budget, Budget, enums={"period": Period})
PRICE = Shape(pb.Price, Price)
PRICE_FOUND = Shape(pb.PriceFound, PriceFound, nested={"price": PRICE})
REPRICING = Shape(pb.PriceUnknownCallsResponse, Repricing)
CALL_ATTEMPT = Shape(pb.CallAttempt, CallAttempt)
CALL_ENTRY = Shape(pb.CallEntry, CallEntry, nested={"attempts": CALL_ATTEMPT}, enums={"state": CallState})
AUDIT_ENTRY = Shape(pb.AuditEntry, AuditEntry)
IDENTITY = Shape(pb.WhoAmIResponse, Identity, nested={"account": CALLER_ACCOUNT, "budgets": BUDGET})
USAGE_QUERY = Shape(pb.GetUsageRequest, UsageQuery, enums={"by": Dimension})
CALL_QUERY = Shape(pb.ListCallsRequest, CallQuery, enums={"state": CallState})
"""Without `limit`, which is `page_size` in the message."""
UNKNOWN_CALLS = Shape(pb.PriceUnknownCallsRequest, CallQuery)

_USAGE_GROUP = Shape(pb.UsageGroup, UsageGroup)


def usage_group_to_wire(group: UsageGroup) -> pb.UsageGroup:
    """Returns the message, with the group's values in their order."""
    return _USAGE_GROUP.to_wire(group, values=group.group.values())


def usage_group_from_wire(message: pb.UsageGroup, names: Iterable[str] = ()) -> UsageGroup:
    """Returns the group. `names` are the names of its dimensions, in the order of the request."""
    return _USAGE_GROUP.from_wire(message, group=dict(zip(names, message.values, strict=False)))
