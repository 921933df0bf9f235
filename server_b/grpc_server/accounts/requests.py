"""Parses requests, and refuses texts that no database can search for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Violation
from llm_relay.wire import codec

M = TypeVar("M", bound=Message)
_NUL_FAULT = "must not contain NUL (U+0000)"


def parse(request_type: type[M], data: bytes) -> M:
    """Parses a request. Raises InvalidRequest if it is malformed, or if a text contains NUL.

    No text in a ledger contains NUL. PostgreSQL does not even accept it in a query.
    """
    request = codec.parse(request_type, data)
    if b"\0" in data and (fields := dict.fromkeys(_fields_with_nul(request))):
        violations = [Violation(field, _NUL_FAULT) for field in fields]
        raise InvalidRequest.of(*violations[:MAX_VIOLATIONS])
    return request


def _fields_with_nul(message: Message) -> Iterator[str]:
    """Yields the names of fields, also of those of messages in the request."""
    for field, value in message.ListFields():
        for one in _values(value):
            if isinstance(one, Message):
                yield from _fields_with_nul(one)
            elif isinstance(one, str) and "\0" in one:
                yield field.name


def _values(value: Any) -> Iterator[Any]:
    """Yields a field's value, each value of a repeated field, or the keys and values of a map."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from (key, item)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        yield from value
    else:
        yield value
