"""Reads and writes JSON-RPC messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import mcp_types

from llm_relay.documents.json_body import has_more_values, parse_json
from llm_relay.documents.raw_json import arguments_of_call
from llm_relay.mcp.repeated_members import (
    UTF8_BOM,
    RepeatingObject,
    parse_noting_repeats,
    repeated_names,
    repeating_objects,
)

ENVELOPE_BYTES = 64 * 1024
MAX_VALUES = 100_000
"""How many values one message may have. A prompt needs a few for each turn; the SDK reads each value five times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message as it was received."""

    message: mcp_types.JSONRPCMessage
    repeated_arguments: tuple[str, ...]
    """Names given twice in one object of a tool's arguments. The tool refuses them, like other bad arguments."""
    raw_arguments: dict[str, Any] | None = None
    """A tool's arguments, in which JSON values that keep their text are RawJson; None: there are no such values."""


class MessageError(Exception):
    """A received message cannot be served. `answer` tells its sender why."""

    def __init__(self, code: int, text: str, request_id: object = None) -> None:
        super().__init__(text)
        self.answer = mcp_types.JSONRPCError(
            jsonrpc="2.0",
            id=request_id if isinstance(request_id, str | int) else None,
            error=mcp_types.ErrorData(code=code, message=text),
        )


def max_request_bytes(max_message_bytes: int) -> int:
    """Returns the size limit of a request for messages of `max_message_bytes`, with base64 and the envelope."""
    return max_message_bytes * 4 // 3 + ENVELOPE_BYTES


def read_message(text: bytes) -> ReceivedMessage:
    """Reads one message in UTF-8. Raises MessageError.

    A member that is given twice outside a tool's arguments is an error of the message, because it is not clear which
    call was meant.
    """
    if has_more_values(text, MAX_VALUES):
        raise MessageError(mcp_types.INVALID_REQUEST, f"Invalid Request: more than {MAX_VALUES} values")
    try:
        value, repeating = parse_noting_repeats(text)
        message = mcp_types.jsonrpc_message_adapter.validate_python(value, by_name=False)
    except ValueError as error:
        raise MessageError(mcp_types.PARSE_ERROR, "Parse error") from error
    in_arguments = list(repeating_objects(_arguments(value))) if repeating else []
    if names := repeated_names(_others(repeating, in_arguments)):
        explanation = f"Invalid Request: given twice in one object: {', '.join(names)}"
        raise MessageError(mcp_types.INVALID_REQUEST, explanation, getattr(message, "id", None))
    raw = _raw_arguments(text) if not repeating and isinstance(_arguments(value), dict) else None
    return ReceivedMessage(message=message, repeated_arguments=repeated_names(in_arguments), raw_arguments=raw)


def encode_message(message: mcp_types.JSONRPCMessage) -> bytes:
    """Returns a message as one line of JSON, without a line ending."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    except ValueError:  # it has a lone surrogate from the client, which must be escaped in UTF-8
        return json.dumps(message.model_dump(by_alias=True, exclude_unset=True)).encode()


def _arguments(message: object) -> object:
    params = message.get("params") if isinstance(message, dict) else None
    return params.get("arguments") if isinstance(params, dict) else None


def _raw_arguments(text: bytes) -> dict[str, Any] | None:
    found = arguments_of_call(text.removeprefix(UTF8_BOM))
    parsed = parse_json(found.text.encode()) if found is not None else None
    return parsed if isinstance(parsed, dict) else None


def _others(objects: list[RepeatingObject], known: list[RepeatingObject]) -> list[RepeatingObject]:
    known_ids = {id(one) for one in known}
    return [one for one in objects if id(one) not in known_ids]
