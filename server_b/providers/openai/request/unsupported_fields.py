"""Faults: fields of a prompt that an interface or a model does not support."""

from __future__ import annotations

from collections.abc import Iterable

from llm_relay.errors import Unsupported
from server_b.providers.openai.provider_name import NAME

Fault = tuple[str, str]
"""A field, and why it is not supported."""


def refuse_first(faults: Iterable[Fault]) -> None:
    """Raises Unsupported for the first fault, if there is one."""
    for field, fault in faults:
        raise Unsupported.of_field(field, f"not supported by {NAME}: {fault}")


def fetch_fault(field: str) -> Fault:
    """Returns the fault of a URL that the server may not fetch."""
    return field, "the server at OPENAI_BASE_URL may not fetch URLs; send the data, or set PROVIDER_FETCHES_URLS=true"
