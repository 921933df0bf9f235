"""The routes under /ui/api: the data of the pages, and the changes of admins."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response

from gateway import account_routes, routes
from gateway.dependencies import backend_of, caller_of, lookup
from gateway.json_response import json_response
from gateway.session_cookie import csrf_token, is_local_anonymous, session_secret
from gateway.ui.activity import ActivityStream
from gateway.ui.bodies import BudgetBody, CallerBody, PriceBody, RaiseBody, RotateBody, TokenBody, nano_usd
from gateway.ui.bounded_route import BoundedRoute
from llm_relay import VERSION
from llm_relay.client.account_client import AccountClient
from llm_relay.documents.accounts import (
    audit_document,
    budget_document,
    caller_document,
    identity_document,
    price_document,
    price_found_document,
    token_document,
)
from llm_relay.errors import Unsupported

router = APIRouter(prefix="/ui/api", include_in_schema=False, route_class=BoundedRoute)

# The same responses as the gateway's own routes, for the caller of the session.
router.get("/usage")(account_routes.usage)
router.get("/calls")(account_routes.calls)
router.get("/models")(routes.models)
router.get("/config")(routes.config)
router.get("/health")(routes.health)
router.post("/stream")(routes.stream)


@contextlib.asynccontextmanager
async def _accounts(request: Request) -> AsyncIterator[AccountClient]:
    """Yields an AccountService client that acts for the caller. The block ends when the browser leaves."""
    caller = caller_of(request)
    is_local = is_local_anonymous(request.scope, caller)
    async with lookup(request):
        yield backend_of(request).accounts.acting_for(**caller.arguments, is_local=is_local)


@router.get("/me")
async def me(request: Request) -> Response:
    """Returns the caller, and what its page needs."""
    secret = session_secret(request.scope)
    page = {"version": VERSION, "csrf": csrf_token(secret), "has_session": bool(secret)}
    try:
        async with _accounts(request) as accounts:
            identity = identity_document(await accounts.who_am_i())
    except Unsupported:  # LEDGER=off
        return json_response({**page, "has_ledger": False, "is_admin": False, "name": caller_of(request).name})
    return json_response({**page, "has_ledger": True, **identity})


@router.get("/activity")
async def activity(request: Request) -> Response:
    """Sends each call as it begins and ends, with the totals."""
    caller = caller_of(request)
    accounts = backend_of(request).accounts.acting_for(
        **caller.arguments, is_local=is_local_anonymous(request.scope, caller)
    )
    return ActivityStream(accounts.watch(), request.app.state.watchers)


@router.get("/callers")
async def list_callers(request: Request) -> Response:
    async with _accounts(request) as accounts:
        return json_response({"callers": [caller_document(one) for one in await accounts.callers()]})


@router.put("/callers/{name}")
async def put_caller(request: Request, name: str, body: CallerBody) -> Response:
    async with _accounts(request) as accounts:
        warnings: list[str] = []
        caller = await accounts.put_caller(body.caller(name), fields=body.fields, warn=warnings.append)
        return json_response({**caller_document(caller), "warning": "".join(warnings)})


@router.get("/tokens")
async def list_tokens(request: Request) -> Response:
    async with _accounts(request) as accounts:
        return json_response({"tokens": [token_document(one) for one in await accounts.tokens()]})


@router.post("/tokens")
async def create_token(request: Request, body: TokenBody) -> Response:
    async with _accounts(request) as accounts:
        made = await accounts.create_token(
            body.caller, label=body.label, expires_at=body.expires_at, is_admin=body.is_admin
        )
    return json_response({**token_document(made.info), "secret": made.secret})


@router.post("/tokens/{token_id}/rotate")
async def rotate_token(request: Request, token_id: str, body: RotateBody) -> Response:
    async with _accounts(request) as accounts:
        made = await accounts.rotate_token(token_id, overlap_s=body.overlap_s)
    return json_response({**token_document(made.info), "secret": made.secret})


@router.delete("/tokens/{token_id}")
async def revoke_token(request: Request, token_id: str) -> Response:
    async with _accounts(request) as accounts:
        return json_response(token_document(await accounts.revoke_token(token_id)))


@router.get("/budgets")
async def list_budgets(request: Request) -> Response:
    async with _accounts(request) as accounts:
        return json_response({"budgets": [budget_document(one) for one in await accounts.budgets()]})


@router.put("/budgets")
async def put_budget(request: Request, body: BudgetBody) -> Response:
    async with _accounts(request) as accounts:
        return json_response(budget_document(await accounts.put_budget(body.budget())))


@router.post("/budgets/{budget_id}/raise")
async def raise_budget(request: Request, budget_id: str, body: RaiseBody) -> Response:
    async with _accounts(request) as accounts:
        return json_response(budget_document(await accounts.raise_budget(budget_id, nano_usd(body.amount_usd))))


@router.delete("/budgets/{budget_id}")
async def delete_budget(request: Request, budget_id: str) -> Response:
    async with _accounts(request) as accounts:
        await accounts.delete_budget(budget_id)
    return json_response({})


@router.get("/prices")
async def list_prices(request: Request) -> Response:
    async with _accounts(request) as accounts:
        return json_response({"prices": [price_document(one) for one in await accounts.prices()]})


@router.get("/prices/test")
async def test_price(request: Request, model: str) -> Response:
    async with _accounts(request) as accounts:
        return json_response({"found": [price_found_document(one) for one in await accounts.test_price(model)]})


@router.put("/prices")
async def put_price(request: Request, body: PriceBody) -> Response:
    async with _accounts(request) as accounts:
        warnings: list[str] = []
        price = await accounts.put_price(body.price(), warn=warnings.append)
        return json_response({**price_document(price), "warning": "".join(warnings)})


@router.delete("/prices/{price_id}")
async def delete_price(request: Request, price_id: str) -> Response:
    async with _accounts(request) as accounts:
        await accounts.delete_price(price_id)
    return json_response({})


@router.get("/audit")
async def audit(request: Request) -> Response:
    async with _accounts(request) as accounts:
        return json_response({"entries": [audit_document(one) for one in await accounts.audit()]})
