"""Errors in OpenAI's shape: the status, the type and the code of each reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from gateway.openai.rate_headers import rate_headers
from gateway.response_headers import NO_STORE
from llm_relay.errors import InvalidRequest, RateLimited, RelayError


class BadParam(InvalidRequest):
    """A member of the request is invalid. `param` is its name in OpenAI's interface."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class StatusTypeCode:
    """The HTTP status of a reason, and its `type` and `code` in the body."""

    status: int
    type: str
    code: str | None = None
    """None: the reason itself."""


_INVALID = "invalid_request_error"
_SERVER = "server_error"
_BY_REASON: Mapping[str, StatusTypeCode] = {
    "INVALID_REQUEST": StatusTypeCode(400, _INVALID, "invalid_value"),
    "PROVIDER_REJECTED": StatusTypeCode(400, _INVALID),
    "UNSUPPORTED": StatusTypeCode(400, _INVALID),
    "UNAUTHENTICATED": StatusTypeCode(401, _INVALID, "invalid_api_key"),
    "PRICE_UNKNOWN": StatusTypeCode(402, _INVALID),
    "PERMISSION_DENIED": StatusTypeCode(403, _INVALID),
    "UNKNOWN_MODEL": StatusTypeCode(404, _INVALID, "model_not_found"),
    "TOO_LARGE": StatusTypeCode(413, _INVALID),
    "BUDGET_EXCEEDED": StatusTypeCode(429, "insufficient_quota", "insufficient_quota"),
    "RATE_LIMITED": StatusTypeCode(429, "rate_limit_error", "rate_limit_exceeded"),
    "PROVIDER_RATE_LIMITED": StatusTypeCode(429, "rate_limit_error", "rate_limit_exceeded"),
    "OVERLOADED": StatusTypeCode(503, _SERVER),
    "DRAINING": StatusTypeCode(503, _SERVER),
    "LEDGER_UNAVAILABLE": StatusTypeCode(503, _SERVER),
    "SERVER_B_UNAVAILABLE": StatusTypeCode(503, _SERVER),
    "PROVIDER_UNAVAILABLE": StatusTypeCode(503, _SERVER),
    "PROVIDER_AUTH": StatusTypeCode(502, _SERVER),
    "PROVIDER_PROTOCOL": StatusTypeCode(502, _SERVER),
    "DEADLINE_EXCEEDED": StatusTypeCode(504, _SERVER),
    "CANCELLED": StatusTypeCode(499, _SERVER),
    "INTERNAL": StatusTypeCode(500, _SERVER),
}
_FROM_PROVIDER = frozenset(
    (
        "PROVIDER_REJECTED",
        "PROVIDER_RATE_LIMITED",
        "PROVIDER_UNAVAILABLE",
        "PROVIDER_AUTH",
        "PROVIDER_PROTOCOL",
        "UNKNOWN_MODEL",
    )
)
UNAUTHORIZED = 401
_RETRIED = frozenset((429, 503))


def error_body(error: RelayError, param: str | None = None) -> dict[str, Any]:
    """Returns the body of an error in OpenAI's shape."""
    shape = _shape_of(error)
    param = error.param if isinstance(error, BadParam) else param
    code = error.cause or shape.code or error.reason
    return {"error": {"message": error.message, "type": shape.type, "param": param or None, "code": code}}


def openai_error_response(
    error: RelayError,
    request_id: str,  # noqa: ARG001 - as ErrorWriter has it
    *,
    status: int | None = None,
    param: str | None = None,
) -> Response:
    """Returns the response of a failure before the answer begins. Without `status`, the error's reason decides."""
    return Response(
        orjson.dumps(error_body(error, param)),
        status or _shape_of(error).status,
        error_headers(error),
        "application/json",
    )


def error_headers(error: RelayError) -> dict[str, str]:
    """Returns the headers that say who failed, and whether and when to retry."""
    headers = {
        "x-should-retry": "true" if _should_retry(error) else "false",
        "x-relay-origin": "provider" if error.reason in _FROM_PROVIDER else "relay",
        "Cache-Control": NO_STORE,
    }
    if _shape_of(error).status == UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after_s))
        headers["retry-after-ms"] = str(math.ceil(error.retry_after_s * 1000))
    if isinstance(error, RateLimited) and error.rates_left is not None:
        headers.update(rate_headers(error.rates_left))
    return headers


def _should_retry(error: RelayError) -> bool:
    shape = _shape_of(error)
    return shape.status in _RETRIED and shape.code != "insufficient_quota" and not error.may_have_worked


def _shape_of(error: RelayError) -> StatusTypeCode:
    return _BY_REASON.get(error.reason, _BY_REASON["INTERNAL"])
