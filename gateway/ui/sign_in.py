"""Signing in and out: a token is exchanged for a session, whose secret is in a cookie that scripts cannot read."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gateway.dependencies import backend_of, lookup
from gateway.json_response import json_response
from gateway.session_cookie import COOKIE, UI, csrf_token, session_secret
from gateway.ui.bodies import SignIn
from gateway.ui.bounded_route import BoundedRoute
from llm_relay.caller_tokens import token_mark
from llm_relay.errors import Unauthenticated

COOKIE_AGE_S = 12 * 3600

router = APIRouter(include_in_schema=False, route_class=BoundedRoute)


@router.post("/ui/api/session")
async def sign_in(request: Request, body: SignIn) -> Response:
    """Creates a session for the owner of a token. Raises Unauthenticated for an unknown token."""
    backend = backend_of(request)
    caller = await backend.callers.caller(f"Bearer {body.token}")
    if not caller.token and not backend.hides_target:  # without RELAY_TOKENS, any other token proves nothing
        raise Unauthenticated(is_of_caller=True)
    async with lookup(request):
        mark = "" if caller.token else token_mark(body.token)
        session = await backend.accounts.create_session(signed_in_with=mark, **caller.arguments)
    response = json_response({"name": session.info.caller, "csrf": csrf_token(session.secret)})
    response.set_cookie(
        COOKIE,
        session.secret,
        max_age=COOKIE_AGE_S,
        path=UI,
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@router.delete("/ui/api/session")
async def sign_out(request: Request) -> Response:
    """Ends the browser's session."""
    secret = session_secret(request.scope)
    response = json_response({})
    response.delete_cookie(COOKIE, path=UI, httponly=True, samesite="strict")
    if secret:
        async with lookup(request):
            await backend_of(request).accounts.end_session(token=secret)
    return response
