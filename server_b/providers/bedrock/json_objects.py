"""Reads the JSON objects that Bedrock sends."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llm_relay.errors import ProviderProtocol
from server_b.providers.parsing.json_text import parse, parse_exactly

NOTHING: Mapping[str, Any] = MappingProxyType({})


def document(data: bytes, *, exactly: bool = False) -> dict[str, Any]:
    """Reads a JSON object; with `exactly`, keeps every digit of large numbers. Raises ProviderProtocol otherwise."""
    try:
        plain = data.removeprefix(b"\xef\xbb\xbf")
        read = parse_exactly(plain) if exactly else parse(plain)
    except ValueError as error:
        raise _malformed() from error
    if not isinstance(read, dict):
        raise _malformed()
    return read


def document_or_nothing(data: bytes) -> Mapping[str, Any]:
    """Reads a JSON object. Returns an empty one for anything else."""
    try:
        return document(data)
    except ProviderProtocol:
        return NOTHING


def _malformed() -> ProviderProtocol:
    return ProviderProtocol("the provider's answer is malformed")
