"""Reads JSON-RPC messages, and notices members that are given twice in one object.

A JSON parser keeps one of them, and not everybody's keeps the same: what a filter in front of the relay has checked
would not be what the relay reads.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mcp_types

from llm_relay.documents.json_body import has_more_values, whole_number
from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import MAX_VIOLATIONS

UTF8_BOM = b"\xef\xbb\xbf"
ENVELOPE_BYTES = 64 * 1024

MAX_VALUES = 100_000
"""How many values one message may have. A prompt needs a few for each turn; the SDK reads each of them five times."""


class TooManyValues(ValueError):
    """A message has more than MAX_VALUES values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedJson:
    """A JSON value, and the names of the members that are repeated in it, each once."""

    value: Any
    repeated_in_envelope: tuple[str, ...]
    """Outside the arguments of a tool call: nobody knows which of the two was meant, so there is no call to refuse."""
    repeated_in_arguments: tuple[str, ...]
    """In the arguments of a tool call, or anything in them."""


def parse_json(text: bytes) -> ParsedJson:
    """Parses one JSON value in UTF-8.

    Raises TooManyValues if it has more than MAX_VALUES, ValueError if it is malformed or nested too deeply.
    """
    if has_more_values(text, MAX_VALUES):
        raise TooManyValues
    repeating: list[_RepeatingObject] = []
    try:
        value = json.JSONDecoder(
            object_pairs_hook=lambda members: _object(members, repeating), parse_int=whole_number
        ).decode(text.removeprefix(UTF8_BOM).decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    in_arguments = list(_repeating_objects(_arguments(value))) if repeating else []
    known = {id(found) for found in in_arguments}
    elsewhere = [found for found in repeating if id(found) not in known]
    return ParsedJson(value=value, repeated_in_envelope=_names(elsewhere), repeated_in_arguments=_names(in_arguments))


def max_request_bytes(max_message_bytes: int) -> int:
    """Returns how large a request may be whose message has `max_message_bytes`: in base64, and in its envelope."""
    return max_message_bytes * 4 // 3 + ENVELOPE_BYTES


def encode_message(message: mcp_types.JSONRPCMessage) -> bytes:
    """Writes a message as JSON on one line, without the line's end."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    except ValueError:  # it repeats a lone surrogate of the client's, which UTF-8 cannot carry, but an escape can
        return json.dumps(message.model_dump(by_alias=True, exclude_unset=True)).encode()


def repeated_error(names: tuple[str, ...], request_id: object) -> mcp_types.JSONRPCError:
    """Makes the answer to a message whose envelope has members with these names twice."""
    return error_message(
        mcp_types.INVALID_REQUEST, f"Invalid Request: given twice in one object: {', '.join(names)}", request_id
    )


def too_many_values_error() -> mcp_types.JSONRPCError:
    """Makes the answer to a message with more than MAX_VALUES values."""
    return error_message(mcp_types.INVALID_REQUEST, f"Invalid Request: more than {MAX_VALUES} values")


def error_message(code: int, message: str, request_id: object = None) -> mcp_types.JSONRPCError:
    """Makes an error for the request with this id; for none if it is not an id."""
    known_id = request_id if isinstance(request_id, str | int) else None
    return mcp_types.JSONRPCError(jsonrpc="2.0", id=known_id, error=mcp_types.ErrorData(code=code, message=message))


class _RepeatingObject(dict[str, Any]):
    """A JSON object in which members were given twice."""

    repeated: tuple[str, ...]


def _object(members: list[tuple[str, Any]], repeating: list[_RepeatingObject]) -> dict[str, Any]:
    plain = dict(members)
    if len(plain) == len(members):
        return plain
    found = _RepeatingObject(plain)
    found.repeated = tuple(name for name, times in Counter(name for name, _ in members).items() if times > 1)
    repeating.append(found)
    return found


def _arguments(message: object) -> object:
    params = message.get("params") if isinstance(message, dict) else None
    return params.get("arguments") if isinstance(params, dict) else None


def _repeating_objects(value: object) -> Iterator[_RepeatingObject]:
    remaining = [value]
    while remaining:
        value = remaining.pop()
        if isinstance(value, _RepeatingObject):
            yield value
        if isinstance(value, dict):
            remaining += value.values()
        elif isinstance(value, list):
            remaining += value


def _names(objects: list[_RepeatingObject]) -> tuple[str, ...]:
    names = dict.fromkeys(name for found in objects for name in found.repeated)
    return tuple(shown_name(name) for name in itertools.islice(names, MAX_VIOLATIONS))
