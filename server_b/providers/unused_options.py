"""Options that a provider has no use for, by the names that callers are told."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from llm_relay.messages import Options

PROVIDER_OPTIONS = "options.provider_options"


def options_of_others(options: Options, name: str) -> Iterator[str]:
    """Yields each member of the provider_options that are not those of the provider with this name."""
    for provider, text in options.provider_options.items():
        if provider != name:
            yield from (f"{PROVIDER_OPTIONS}.{provider}.{member}" for member in orjson.loads(text))
