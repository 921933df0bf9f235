"""The changes that admins make through AccountService."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.errors import PermissionDenied, RelayError
from llm_relay.messages import Models
from llm_relay.messages.accounts import Adjustment, CallerAccount
from llm_relay.wire import accounts as wire
from llm_relay.wire.codec import duration_from_wire, time_from_wire
from server_b.core.unexpected_errors import report
from server_b.grpc_server.accounts.asker import Asker

DEFAULT_OVERLAP_S = 86_400.0
LIST_S = 2.0
"""How long a change waits for the providers to list their models, in seconds."""


async def put_caller(request: pb.PutCallerRequest, asker: Asker) -> pb.PutCallerResponse:
    """Creates or replaces a caller."""
    caller = wire.CALLER_ACCOUNT.from_wire(request.caller, strict=True)
    fields = tuple(request.update_mask.paths) if request.HasField("update_mask") else None
    put = await asker.ledger.put_caller(caller, by=asker.name, fields=fields, access_check=asker.check_access)
    given = put.models if fields is None or "models" in fields else ()
    return pb.PutCallerResponse(caller=wire.CALLER_ACCOUNT.to_wire(put), warning=await _warning(asker, given))


async def create_token(request: pb.CreateTokenRequest, asker: Asker) -> pb.CreateTokenResponse:
    """Creates a token."""
    account = asker.ledger.policy.callers.get(request.caller) or CallerAccount(name=request.caller)
    if not asker.needs_token and not (request.is_admin or account.is_admin):
        raise PermissionDenied(
            "this would be the first valid token: from then on calls without a token are refused, and nobody could make"
            " another. Make an admin's token first: `relay tokens create NAME --admin`"
        )
    expires_at = time_from_wire(request.expires_at) if request.HasField("expires_at") else None
    made = await asker.ledger.create_token(
        request.caller,
        label=request.label,
        expires_at=expires_at,
        by=asker.name,
        is_admin=request.is_admin,
        access_check=asker.check_access,
    )
    return pb.CreateTokenResponse(token=wire.TOKEN_INFO.to_wire(made.info), secret=made.secret)


async def rotate_token(request: pb.RotateTokenRequest, asker: Asker) -> pb.RotateTokenResponse:
    """Creates the successor of a token."""
    overlap_s = duration_from_wire(request.overlap) if request.HasField("overlap") else DEFAULT_OVERLAP_S
    made = await asker.ledger.rotate_token(request.token_id, overlap_s=overlap_s, by=asker.name)
    return pb.RotateTokenResponse(token=wire.TOKEN_INFO.to_wire(made.info), secret=made.secret)


async def revoke_token(request: pb.RevokeTokenRequest, asker: Asker) -> pb.RevokeTokenResponse:
    """Revokes a token."""
    token = await asker.ledger.revoke_token(request.token_id, by=asker.name, access_check=asker.check_access)
    return pb.RevokeTokenResponse(token=wire.TOKEN_INFO.to_wire(token))


async def put_budget(request: pb.PutBudgetRequest, asker: Asker) -> pb.PutBudgetResponse:
    """Creates or replaces a budget. A time zone or a raise that the request leaves out stays as it is."""
    budget = wire.BUDGET.from_wire(request.budget, strict=True)
    return pb.PutBudgetResponse(budget=wire.BUDGET.to_wire(await asker.ledger.put_budget(budget, by=asker.name)))


async def raise_budget(request: pb.RaiseBudgetRequest, asker: Asker) -> pb.RaiseBudgetResponse:
    """Raises a budget's limit for a time."""
    until = time_from_wire(request.until) if request.HasField("until") else None
    raised = await asker.ledger.raise_budget(request.budget_id, request.nano_usd, until=until, by=asker.name)
    return pb.RaiseBudgetResponse(budget=wire.BUDGET.to_wire(raised))


async def delete_budget(request: pb.DeleteBudgetRequest, asker: Asker) -> pb.DeleteBudgetResponse:
    """Deletes a budget."""
    await asker.ledger.delete_budget(request.budget_id, by=asker.name)
    return pb.DeleteBudgetResponse()


async def put_price(request: pb.PutPriceRequest, asker: Asker) -> pb.PutPriceResponse:
    """Adds or replaces a price."""
    price = await asker.ledger.put_price(wire.PRICE.from_wire(request.price, strict=True), by=asker.name)
    return pb.PutPriceResponse(price=wire.PRICE.to_wire(price), warning=await _warning(asker, [price.pattern]))


async def delete_price(request: pb.DeletePriceRequest, asker: Asker) -> pb.DeletePriceResponse:
    """Removes a price."""
    await asker.ledger.delete_price(request.price_id, by=asker.name)
    return pb.DeletePriceResponse()


async def price_unknown_calls(request: pb.PriceUnknownCallsRequest, asker: Asker) -> pb.PriceUnknownCallsResponse:
    """Prices calls whose cost was unknown."""
    query = wire.UNKNOWN_CALLS.from_wire(request, strict=True, is_cost_unknown=True)
    return wire.REPRICING.to_wire(await asker.ledger.price_unknown(asker.prices.cost, query=query, by=asker.name))


async def adjust_call(request: pb.AdjustCallRequest, asker: Asker) -> pb.AdjustCallResponse:
    """Corrects a call's cost."""
    adjustment = Adjustment(call_id=request.call_id, nano_usd=request.nano_usd, reason=request.reason)
    call = await asker.ledger.adjust(adjustment, by=asker.name)
    return pb.AdjustCallResponse(call=wire.CALL_ENTRY.to_wire(call))


async def _warning(asker: Asker, patterns: Collection[str]) -> str:
    """Returns why no call of this server would match some of the patterns; empty if calls may match them."""
    texts = [asker.prices.unmatched(pattern, None) for pattern in patterns]
    if not all(texts) and (models := await _models(asker)) is not None:
        texts = [asker.prices.unmatched(pattern, models) for pattern in patterns]
    return "; ".join(filter(None, texts))


async def _models(asker: Asker) -> Models | None:
    """Returns the models that the providers list; None if they do not within LIST_S seconds. Never raises."""
    try:
        async with asyncio.timeout(LIST_S):
            return await asker.list_models()
    except (RelayError, TimeoutError):
        return None
    except Exception as error:  # noqa: BLE001 - the change is made already
        report(error)
        return None
