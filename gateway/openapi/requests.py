"""What the routes take besides the parameters that FastAPI sees: headers, the token, and bodies that we parse."""

from __future__ import annotations

from typing import Any

from gateway.openapi import examples
from gateway.openapi.schemas import reference
from gateway.requests.deadlines import MAX_TIMEOUT_S, MIN_TIMEOUT_S, TIMEOUT_HEADER
from gateway.requests.request_ids import IDEMPOTENCY_HEADER, REQUEST_ID_HEADER
from gateway.requests.tag_header import TAGS_HEADER
from llm_relay.documents import PromptDocument
from llm_relay.messages import REQUEST_ID_PATTERN

BEARER = "bearer"
SECURITY_SCHEMES = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of RELAY_TOKENS or of Server B's ledger. Required if any token exists",
    },
}
_HEADERS: list[dict[str, Any]] = [
    {
        "name": TIMEOUT_HEADER,
        "in": "header",
        "description": "The deadline in seconds. Default: TIMEOUT_SECONDS.",
        "schema": {"type": "number", "minimum": MIN_TIMEOUT_S, "maximum": MAX_TIMEOUT_S},
    },
    {
        "name": REQUEST_ID_HEADER,
        "in": "header",
        "description": "The request's id in logs. The response has it too.",
        "schema": {"type": "string"},
    },
]
_IDEMPOTENCY: dict[str, Any] = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "description": "The idempotency key, if the body has no request_id. A request that is repeated with it"
    " is answered and paid for once.",
    "schema": {"type": "string", "pattern": f'^(?:{REQUEST_ID_PATTERN}|"{REQUEST_ID_PATTERN}"|"")?$'},
}
_TAG = "[A-Za-z0-9_.-]{1,64}=[A-Za-z0-9_. -]{0,256}"
"""A tag in the document's notation. A value may have other characters too."""
_TAGS: dict[str, Any] = {
    "name": TAGS_HEADER,
    "in": "header",
    "description": "Tags for the ledger, as key=value, separated by commas. Tags in the body take precedence.",
    "schema": {"type": "string", "pattern": f"^(?:{_TAG}(?:, ?{_TAG}){{0,15}})?$"},
}

OPEN: dict[str, Any] = {"parameters": _HEADERS}
"""A route that needs no token."""
LOOKUP: dict[str, Any] = {"parameters": _HEADERS, "security": [{BEARER: []}, {}]}
"""A route without a body."""
PROMPT: dict[str, Any] = {
    "parameters": [*_HEADERS, _IDEMPOTENCY, _TAGS],
    "security": [{BEARER: []}, {}],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": reference(PromptDocument), "examples": examples.PROMPTS}},
    },
}
"""A route whose body is a prompt."""
