"""FastAPI's exception handlers: errors that need more than the status of their class."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gateway.errors.error_writer import error_response
from llm_relay.client.call_errors import tell_operator
from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import (
    DeadlineExceeded,
    InvalidRequest,
    RelayError,
    ServerBUnavailable,
    Unauthenticated,
    Unsupported,
    Violation,
)
from llm_relay.validation_texts import validation_text

logger = logging.getLogger("gateway")

REFUSED_TOKEN = "Server B refuses the gateway's own token; the operator of the gateway must correct its RELAY_TOKEN"  # noqa: S105 - a message

_HTTP_ERRORS: dict[int, RelayError] = {
    404: Unsupported("this route does not exist; GET /docs lists the routes"),
    405: Unsupported("this route does not support that method; GET /docs lists its methods"),
    408: DeadlineExceeded("the body did not arrive in time"),
}


async def http_problem(request: Request, error: HTTPException) -> Response:
    """Handles what FastAPI's router or request parsing refuses with an HTTP status of its own."""
    known = _HTTP_ERRORS.get(error.status_code, InvalidRequest())
    response = error_response(request.scope, known, status=error.status_code)
    response.headers.update(error.headers or {})
    if "GET" in response.headers.get("Allow", "") and request.method != "HEAD":
        response.headers["Allow"] += ", HEAD"
    return response


async def validation_problem(request: Request, error: RequestValidationError) -> Response:
    """Handles an invalid parameter, header or member of a body."""
    return error_response(request.scope, InvalidRequest.of(*map(_violation, error.errors())))


def _violation(detail: Mapping[str, Any]) -> Violation:
    text = validation_text(detail["type"], detail.get("ctx", {})) or str(detail["msg"]).removeprefix("Value error, ")
    return Violation(shown_name(str(detail["loc"][-1])), text)


async def refused_token_problem(request: Request, error: Unauthenticated) -> Response:
    """Handles a token that Server B refuses: the caller's, or the gateway's own, which the caller cannot fix."""
    if error.is_of_caller:
        tell_operator(error)
        return error_response(request.scope, error)
    return error_response(request.scope, refused_token(error), status=502)


def refused_token(error: Unauthenticated) -> ServerBUnavailable:
    """Logs that Server B refuses the gateway's own token, and returns the error for callers."""
    logger.error("%s", error.message, extra={"facts": {"request_id": error.request_id or None}})
    return ServerBUnavailable(REFUSED_TOKEN, request_id=error.request_id)


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    HTTPException: http_problem,
    RequestValidationError: validation_problem,
    Unauthenticated: refused_token_problem,
}
