"""The queries of AccountService. Callers see their own data, admins see all."""

from __future__ import annotations

import dataclasses

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import Identity
from llm_relay.wire import accounts as wire
from server_b.authentication import OWN_MARK
from server_b.grpc_server.accounts.asker import Asker

MOST_CALLS = 1000
DEFAULT_CALLS = 50
DEFAULT_AUDIT = 100


async def who_am_i(request: pb.WhoAmIRequest, asker: Asker) -> pb.WhoAmIResponse:
    """Returns the caller's account and budgets."""
    budgets = [] if request.without_budgets else await asker.ledger.list_budgets(caller=asker.account_name)
    identity = Identity(
        name=asker.name,
        is_admin=asker.is_admin,
        account=asker.account,
        budgets=tuple(budgets),
        signed_in_with=asker.token.signed_in_with.removeprefix(OWN_MARK) if asker.token else "",
    )
    return wire.IDENTITY.to_wire(identity)


async def get_usage(request: pb.GetUsageRequest, asker: Asker) -> pb.GetUsageResponse:
    """Returns sums over calls."""
    query = wire.USAGE_QUERY.from_wire(request, strict=True)
    query = dataclasses.replace(
        query, caller=asker.seen(query.caller).rpartition("/")[2], time_zone=query.time_zone or "UTC"
    )
    groups = await asker.ledger.usage(query)
    return pb.GetUsageResponse(groups=[wire.usage_group_to_wire(group) for group in groups])


async def list_calls(request: pb.ListCallsRequest, asker: Asker) -> pb.ListCallsResponse:
    """Returns a page of calls."""
    limit = _limit("page_size", request.page_size, DEFAULT_CALLS)
    query = wire.CALL_QUERY.from_wire(request, strict=True, limit=limit)
    page = await asker.ledger.calls(dataclasses.replace(query, caller=asker.seen(query.caller)))
    return pb.ListCallsResponse(
        calls=[wire.CALL_ENTRY.to_wire(call) for call in page.calls], next_page_token=page.next_page_token
    )


async def list_callers(_: pb.ListCallersRequest, asker: Asker) -> pb.ListCallersResponse:
    """Lists all callers for an admin, otherwise only the caller itself."""
    callers = await asker.ledger.list_callers()
    seen = asker.seen("")
    return pb.ListCallersResponse(
        callers=[wire.CALLER_ACCOUNT.to_wire(caller) for caller in callers if seen in ("", caller.name)]
    )


async def list_tokens(request: pb.ListTokensRequest, asker: Asker) -> pb.ListTokensResponse:
    """Lists tokens."""
    tokens = await asker.ledger.list_tokens(asker.seen(request.caller).rpartition("/")[2])
    return pb.ListTokensResponse(tokens=[wire.TOKEN_INFO.to_wire(token) for token in tokens])


async def list_budgets(request: pb.ListBudgetsRequest, asker: Asker) -> pb.ListBudgetsResponse:
    """Lists budgets."""
    budgets = await asker.ledger.list_budgets(caller=asker.seen(request.caller).rpartition("/")[2])
    return pb.ListBudgetsResponse(budgets=[wire.BUDGET.to_wire(budget) for budget in budgets])


async def list_prices(_: pb.ListPricesRequest, asker: Asker) -> pb.ListPricesResponse:
    """Lists the ledger's prices."""
    return pb.ListPricesResponse(prices=[wire.PRICE.to_wire(price) for price in asker.ledger.policy.prices])


async def test_price(request: pb.TestPriceRequest, asker: Asker) -> pb.TestPriceResponse:
    """Returns what a model costs."""
    if not request.model:
        raise InvalidRequest.of(Violation("model", "is required"))
    found = asker.prices.find(request.model)
    return pb.TestPriceResponse(found=[wire.PRICE_FOUND.to_wire(one) for one in found])


async def list_audit(request: pb.ListAuditRequest, asker: Asker) -> pb.ListAuditResponse:
    """Lists changes."""
    asker.check_admin()
    entries = await asker.ledger.list_audit(limit=_limit("limit", request.limit, DEFAULT_AUDIT))
    return pb.ListAuditResponse(entries=[wire.AUDIT_ENTRY.to_wire(entry) for entry in entries])


def _limit(field: str, value: int, default: int) -> int:
    if not 0 <= value <= MOST_CALLS:
        raise InvalidRequest.of(Violation(field, f"must be 1 to {MOST_CALLS}, or 0 for {default}"))
    return value or default
