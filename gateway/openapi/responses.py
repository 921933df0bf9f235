"""The responses of the routes: the successful one, and one for each status of an error."""

from __future__ import annotations

from typing import Any

from gateway.errors.exception_handlers import REFUSED_TOKEN
from gateway.errors.problems import HTTP_STATUSES, PROBLEM_JSON, ProblemDocument, problem_document
from gateway.openapi import examples
from gateway.openapi.schemas import reference
from gateway.requests.request_ids import REQUEST_ID_HEADER
from gateway.streaming import EVENT_STREAM
from llm_relay import errors
from llm_relay.documents import HealthDocument
from llm_relay.errors import RelayError
from llm_relay.messages import REQUEST_ID_PATTERN

ErrorTypes = tuple[type[RelayError], ...]
Responses = dict[int | str, dict[str, Any]]

OF_ANY_REQUEST: ErrorTypes = (errors.InvalidRequest, errors.PermissionDenied, errors.Internal)
OF_A_TOKEN: ErrorTypes = (errors.Unauthenticated,)
OF_SERVER_B: ErrorTypes = (errors.DeadlineExceeded, errors.Draining, errors.ServerBUnavailable, errors.Unsupported)
OF_A_LEDGER: ErrorTypes = (*OF_SERVER_B, errors.LedgerUnavailable)
OF_A_PROVIDER: ErrorTypes = (
    errors.ProviderRateLimited,
    errors.ProviderUnavailable,
    errors.ProviderAuth,
    errors.ProviderRejected,
    errors.ProviderProtocol,
    errors.UnknownModel,
)
OF_MONEY: ErrorTypes = (errors.BudgetExceeded, errors.PriceUnknown, errors.LedgerUnavailable)
OF_A_CALL: ErrorTypes = (
    *OF_SERVER_B,
    *OF_A_PROVIDER,
    *OF_MONEY,
    errors.TooLarge,
    errors.RateLimited,
    errors.Overloaded,
)

ID_HEADER = {
    REQUEST_ID_HEADER: {
        "description": "The request's id in logs: the client's own, or one that the gateway created",
        "schema": {"type": "string", "pattern": f"^{REQUEST_ID_PATTERN}$"},
    }
}
_RETRY_HEADER = {
    "Retry-After": {"description": "Seconds until a retry makes sense, if known", "schema": {"type": "integer"}}
}
_CHALLENGE_HEADER = {
    "WWW-Authenticate": {"description": "How to authenticate", "schema": {"type": "string", "const": "Bearer"}}
}
_OWN_HEADERS = {401: _CHALLENGE_HEADER, 429: _RETRY_HEADER, 503: _RETRY_HEADER}
_SLOW_BODY = "`DEADLINE_EXCEEDED`: the body did not arrive within 15 seconds"


def json_responses(example: dict[str, Any], *error_types: type[RelayError]) -> Responses:
    """Describes a JSON response, whose shape is the route's response_model, and the errors."""
    content = {"application/json": {"example": example}}
    return {200: _success(content), **_problems((*OF_ANY_REQUEST, *OF_A_TOKEN, *error_types))}


def rows_responses(example: dict[str, Any], *error_types: type[RelayError]) -> Responses:
    """Describes a JSON response that is available as CSV too, and the errors."""
    responses = json_responses(example, *error_types)
    responses[200]["content"]["text/csv"] = {"schema": {"type": "string"}}
    return responses


def event_responses(*error_types: type[RelayError]) -> Responses:
    """Describes a stream of events, and the errors."""
    content = {EVENT_STREAM: {"schema": {"type": "string"}, "example": examples.EVENTS}}
    return {200: _success(content), **_problems((*OF_ANY_REQUEST, *OF_A_TOKEN, *error_types))}


def health_responses() -> Responses:
    """Describes the responses of /health. It needs no token, and its 503 has the same shape as its 200."""
    content = {"application/json": {"example": examples.HEALTHY}}
    away = {"application/json": {"schema": reference(HealthDocument), "example": examples.UNHEALTHY}}
    return {
        200: _success(content),
        503: {"description": "Server B does not reply", "headers": ID_HEADER, "content": away},
        **_problems(OF_ANY_REQUEST),
    }


def _success(content: dict[str, Any]) -> dict[str, Any]:
    return {"description": "The answer", "headers": ID_HEADER, "content": content}


def _problems(error_types: ErrorTypes) -> Responses:
    """Describes the errors, grouped by status."""
    lines: dict[int, list[str]] = {}
    first: dict[int, RelayError] = {}
    for error_type in error_types:
        line = f"`{error_type.reason}`: {error_type.default_message}"
        lines.setdefault(HTTP_STATUSES[error_type], []).append(line)
        first.setdefault(HTTP_STATUSES[error_type], examples.ERRORS.get(error_type) or error_type())
    if errors.ServerBUnavailable in error_types:
        lines.setdefault(502, []).append(f"`SERVER_B_UNAVAILABLE`: {REFUSED_TOKEN}")
        first.setdefault(502, errors.ServerBUnavailable(REFUSED_TOKEN))
    if errors.TooLarge in error_types:
        lines[408] = [_SLOW_BODY]
        first[408] = errors.DeadlineExceeded("the body did not arrive in time")
    return {status: _problem(status, lines[status], first[status]) for status in sorted(lines)}


def _problem(status: int, lines: list[str], error: RelayError) -> dict[str, Any]:
    example = problem_document(error, examples.REQUEST_ID, status=status)
    content = {"schema": reference(ProblemDocument), "example": example}
    return {
        "description": "\n\n".join(lines),
        "headers": {**ID_HEADER, **_OWN_HEADERS.get(status, {})},
        "content": {PROBLEM_JSON: content},
    }
