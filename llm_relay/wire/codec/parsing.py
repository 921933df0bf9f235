"""Parses bytes as protobuf messages."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from llm_relay.errors import InvalidRequest, Violation

M = TypeVar("M", bound=Message)


def parse(message_type: type[M], data: bytes) -> M:
    """Parses the bytes of one message. Raises InvalidRequest if they are malformed."""
    try:
        return message_type.FromString(data)
    except DecodeError as error:
        name = message_type.DESCRIPTOR.full_name
        raise InvalidRequest.of(Violation("(message)", f"is not a well-formed {name}")) from error
