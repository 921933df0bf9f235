"""The arguments of the message tools, as a model reads them."""

from __future__ import annotations

from typing import Any

from llm_relay.messages import MAX_TEMPERATURE, MAX_TOKENS_LIMIT, REQUEST_ID_PATTERN

_TURN: dict[str, Any] = {
    "type": "object",
    "properties": {"role": {"type": "string", "enum": ["user", "assistant"]}, "text": {"type": "string"}},
    "required": ["role", "text"],
    "additionalProperties": False,
}
PROMPT_ARGUMENTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "minLength": 1, "description": "What to say to the model; not blank"},
        "context": {"type": "string", "description": "System prompt"},
        "history": {
            "type": "array",
            "items": _TURN,
            "description": "Earlier turns, oldest first; without them the model knows nothing of earlier calls",
        },
        "model": {"type": "string", "description": "Model to ask; leave out for the server's default"},
        "temperature": {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_TEMPERATURE,
            "description": "0 (steady) to 2 (wild); leave out for the server's default",
        },
        "max_tokens": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_TOKENS_LIMIT,
            "description": "Most tokens of the answer; leave out for the server's default",
        },
        "request_id": {
            "type": "string",
            "pattern": f"^{REQUEST_ID_PATTERN}$",
            "description": (
                "Leave out. For programs that retry: the same id again returns the first call's stored answer"
            ),
        },
    },
    "required": ["message"],
    "additionalProperties": False,
}
