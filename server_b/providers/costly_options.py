"""Finds options that may change what an answer costs."""

from __future__ import annotations

from collections.abc import Set

import orjson

from llm_relay.messages import Options
from server_b.providers.unused_options import PROVIDER_OPTIONS


def costly_options(options: Options, provider: str, neutral: Set[str]) -> tuple[str, ...]:
    """Returns the members of a provider's provider_options that are not `neutral`, by the names that callers use."""
    if provider not in options.provider_options:
        return ()
    members = orjson.loads(options.provider_options[provider])
    return tuple(f"{PROVIDER_OPTIONS}.{provider}.{name}" for name in members if name not in neutral)
