"""Errors as HTTP responses: one status per class, as application/problem+json (RFC 9457)."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Annotated, NotRequired

import orjson
from pydantic import Field
from starlette.responses import Response

# Before Python 3.12 pydantic needs this TypedDict.
from typing_extensions import TypedDict

from gateway.response_headers import NO_STORE
from llm_relay import errors
from llm_relay.documents import BudgetStateDocument, UsageDocument, budget_state_document, usage_document
from llm_relay.documents.field_names import with_fields_of_json
from llm_relay.errors import RelayError

PROBLEM_JSON = "application/problem+json"
CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that has left. It appears only in the log."""

HTTP_STATUSES: dict[type[RelayError], int] = {
    errors.InvalidRequest: 422,
    errors.TooLarge: 413,
    errors.Unsupported: 501,
    errors.UnknownModel: 404,
    errors.Unauthenticated: 401,
    errors.PermissionDenied: 403,
    errors.RateLimited: 429,
    errors.ProviderRateLimited: 429,
    errors.ProviderUnavailable: 503,
    errors.ProviderAuth: 502,
    errors.ProviderRejected: 422,
    errors.ProviderProtocol: 502,
    errors.BudgetExceeded: 402,
    errors.PriceUnknown: 402,
    errors.LedgerUnavailable: 503,
    errors.DeadlineExceeded: 504,
    errors.Cancelled: CLIENT_CLOSED_REQUEST,
    errors.Overloaded: 503,
    errors.Draining: 503,
    errors.ServerBUnavailable: 503,
    errors.Internal: 500,
}


class FieldProblemDocument(TypedDict):
    """What is wrong with one field, and how to fix it."""

    field: str
    detail: str


class ProblemDocument(TypedDict):
    """What went wrong (RFC 9457): `reason` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    requestId: str
    errors: NotRequired[Annotated[list[FieldProblemDocument], Field(description="Every bad field")]]
    retryAfter: NotRequired[Annotated[int, Field(description="Seconds")]]
    budget: NotRequired[Annotated[BudgetStateDocument, Field(description="The budget that has no room")]]
    usage: NotRequired[Annotated[UsageDocument, Field(description="What the failed call used")]]


def problem_document(error: RelayError, request_id: str, *, status: int | None = None) -> ProblemDocument:
    """Returns the body. Without `status`, the error's class decides. `retryAfter` is in whole seconds, rounded up."""
    status = status or HTTP_STATUSES[type(error)]
    error = with_fields_of_json(error)
    document: ProblemDocument = {
        "type": "about:blank",
        "title": _title(status),
        "status": status,
        "detail": f"{error.message} (GET /models)" if isinstance(error, errors.UnknownModel) else error.message,
        "reason": error.reason,
        "requestId": error.request_id or request_id,
    }
    if error.violations:
        document["errors"] = [{"field": one.field, "detail": one.description} for one in error.violations]
    if error.retry_after_s is not None:
        document["retryAfter"] = math.ceil(error.retry_after_s)
    if isinstance(error, errors.BudgetExceeded):
        document["budget"] = budget_state_document(error)
    if error.spent is not None:
        document["usage"] = usage_document(error.spent)
    return document


def problem_response(error: RelayError, request_id: str, *, status: int | None = None) -> Response:
    """Returns the response of an error, with the headers of its status."""
    document = problem_document(error, request_id, status=status)
    headers = {"Cache-Control": NO_STORE}
    if "retryAfter" in document:
        headers["Retry-After"] = str(document["retryAfter"])
    if document["status"] == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(document), document["status"], headers, PROBLEM_JSON)


def _title(status: int) -> str:
    return "Client Closed Request" if status == CLIENT_CLOSED_REQUEST else HTTPStatus(status).phrase
