"""The result of a tool call: text for the model, a document for the program, and advice for an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types import CallToolResult, TextContent

from llm_relay import errors
from llm_relay.documents import budget_state_document, usage_document
from llm_relay.documents.field_names import with_fields_of_json
from llm_relay.errors import RelayError

ADVICE: dict[type[RelayError], str] = {
    errors.InvalidRequest: "Correct the named fields and call again.",
    errors.TooLarge: "Send a shorter message, context or history.",
    errors.Unsupported: "Leave out what is not supported.",
    errors.UnknownModel: "Name another model, or leave `model` out to use the default.",
    errors.Unauthenticated: "Call again once the token is right.",
    errors.PermissionDenied: "Ask the operator of Server B for the permission.",
    errors.RateLimited: "Call again later.",
    errors.ProviderRateLimited: "Call again later.",
    errors.ProviderUnavailable: "Call again in a moment.",
    errors.ProviderAuth: "The operator of Server B must fix the provider's key or account.",
    errors.ProviderRejected: "Change the request: a shorter prompt, another model, or other parameters.",
    errors.ProviderProtocol: "Call again: the answer that arrived is incomplete.",
    errors.BudgetExceeded: "Ask for less, or have the operator of Server B raise the limit.",
    errors.PriceUnknown: "Name a model whose price is known; the operator of Server B can set PRICES.",
    errors.LedgerUnavailable: "Call again in a moment.",
    errors.DeadlineExceeded: "Ask for less, or raise TIMEOUT_SECONDS.",
    errors.Cancelled: "Call again if the answer is still wanted.",
    errors.Overloaded: "Call again later.",
    errors.Draining: "Call again in a moment.",
    errors.ServerBUnavailable: "Call again once it can be reached.",
    errors.Internal: "If it happens again, give the operator of the server the request_id.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool call that succeeded returns."""

    text: str
    """For the model to read."""
    document: Mapping[str, Any]
    """Structured content, as the tool's output schema describes it."""


def success_result(output: ToolOutput) -> CallToolResult:
    """Returns the MCP result of a call that succeeded."""
    return CallToolResult(
        content=[TextContent(type="text", text=output.text)], structured_content=dict(output.document), is_error=False
    )


def error_result(error: RelayError) -> CallToolResult:
    """Returns the MCP result of a call that failed: the reason, what happened, what to do, and the request_id.

    The details are in `_meta`, because some clients check structured content against the output schema on errors too.
    """
    error = with_fields_of_json(error)
    parts = [f"{error.reason}: {error.message.removesuffix('.')}.", _advice(error)]
    if error.request_id:
        parts.append(f"(request_id {error.request_id})")
    return CallToolResult(
        content=[TextContent(type="text", text=" ".join(parts))], is_error=True, _meta=_details(error)
    )


def _advice(error: RelayError) -> str:
    if error.retry_after_s is None:
        return ADVICE[type(error)]
    return f"Call again after {math.ceil(error.retry_after_s)} s."


def _details(error: RelayError) -> dict[str, Any]:
    details: dict[str, Any] = {"reason": error.reason}
    if error.request_id:
        details["requestId"] = error.request_id
    if error.retry_after_s is not None:
        details["retryAfter"] = error.retry_after_s
    if error.violations:
        details["violations"] = [{"field": v.field, "description": v.description} for v in error.violations]
    if isinstance(error, errors.BudgetExceeded):
        details["budget"] = budget_state_document(error)
    if error.spent is not None:
        details["usage"] = usage_document(error.spent)
    return details
