"""Finds options that a provider does not use, by the names that callers use."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from llm_relay.messages import Options

PROVIDER_OPTIONS = "options.provider_options"


def options_of_others(options: Options, name: str) -> Iterator[str]:
    """Yields each member of the provider_options of all other providers than the one with this name."""
    for provider, text in options.provider_options.items():
        if provider != name:
            yield from (f"{PROVIDER_OPTIONS}.{provider}.{member}" for member in orjson.loads(text))
