"""JSON as Bedrock and the models behind it write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from llm_relay.errors import ProviderProtocol

NOTHING: Mapping[str, Any] = MappingProxyType({})


def document(data: bytes) -> dict[str, Any]:
    """Reads a JSON object; raises ProviderProtocol for anything else.

    NaN and halves of surrogate pairs, which JSON does not have, are read as Python reads them.
    """
    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError:
        read = _read_leniently(data)
    if not isinstance(read, dict):
        raise _malformed()
    return read


def document_or_nothing(data: bytes) -> Mapping[str, Any]:
    """Reads a JSON object; returns an empty one for anything else."""
    try:
        return document(data)
    except ProviderProtocol:
        return NOTHING


def _read_leniently(data: bytes) -> Any:
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise _malformed() from error


def _malformed() -> ProviderProtocol:
    return ProviderProtocol("the provider's answer is malformed")
