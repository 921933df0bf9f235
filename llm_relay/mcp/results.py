"""What a tool answers: text for the model, a document for the program, and what can be done about an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types import CallToolResult, TextContent

from llm_relay import errors
from llm_relay.documents import usage_document
from llm_relay.errors import RelayError

MENDS: dict[type[RelayError], str] = {
    errors.InvalidRequest: "Correct the named fields and call again.",
    errors.TooLarge: "Send a shorter message, context or history.",
    errors.Unsupported: "Leave out what is not supported.",
    errors.UnknownModel: "Name another model, or leave `model` out for the default one.",
    errors.Unauthenticated: "Set RELAY_TOKEN to one of the tokens that Server B accepts (its RELAY_TOKENS).",
    errors.PermissionDenied: "Ask whoever runs Server B for the permission.",
    errors.RateLimited: "Call again later.",
    errors.ProviderRateLimited: "Call again later.",
    errors.ProviderUnavailable: "Call again in a moment.",
    errors.ProviderAuth: "Whoever runs Server B must mend the provider's key or account.",
    errors.ProviderRejected: "Change the request: a shorter prompt, another model, or other parameters.",
    errors.ProviderProtocol: "Call again; what came of the answer is not all of it.",
    errors.DeadlineExceeded: "Ask for less, or raise TIMEOUT_SECONDS.",
    errors.Cancelled: "Call again if the answer is still wanted.",
    errors.Overloaded: "Call again later.",
    errors.Draining: "Call again in a moment.",
    errors.ServerBUnavailable: "Call again once it runs (`python -m server_b`).",
    errors.Internal: "If it happens again, tell whoever runs the server the request_id.",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool answers."""

    text: str
    """For the model to read."""
    document: Mapping[str, Any]
    """Structured content, as the tool's output schema has it."""


def result_of(said: Said) -> CallToolResult:
    """Makes the result of a call that went well."""
    return CallToolResult(
        content=[TextContent(type="text", text=said.text)], structured_content=dict(said.document), is_error=False
    )


def error_result(error: RelayError) -> CallToolResult:
    """Makes the result of a call that failed: reason, what happened, what to do and the request_id.

    The details are in `_meta`, since some clients check structured content against the output schema on errors too.
    """
    parts = [f"{error.reason}: {error.message.removesuffix('.')}.", _mend(error)]
    if error.request_id:
        parts.append(f"(request_id {error.request_id})")
    return CallToolResult(
        content=[TextContent(type="text", text=" ".join(parts))], is_error=True, _meta=_details(error)
    )


def _mend(error: RelayError) -> str:
    if error.retry_after_s is None:
        return MENDS[type(error)]
    return f"Call again after {math.ceil(error.retry_after_s)} s."


def _details(error: RelayError) -> dict[str, Any]:
    details: dict[str, Any] = {"reason": error.reason}
    if error.request_id:
        details["requestId"] = error.request_id
    if error.retry_after_s is not None:
        details["retryAfter"] = error.retry_after_s
    if error.violations:
        details["violations"] = [{"field": v.field, "description": v.description} for v in error.violations]
    if error.spent is not None:
        details["usage"] = usage_document(error.spent)
    return details
