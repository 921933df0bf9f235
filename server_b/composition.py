"""From settings to a Relay: the composition that the gRPC server, the MCP doors and the coroutines share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from llm_relay import VERSION
from llm_relay.messages import Usage
from server_b.core.relay import Relay
from server_b.pricing import load_price_lists, price
from server_b.providers import create_provider
from server_b.settings import ServerBSettings


@contextlib.asynccontextmanager
async def open_relay(settings: ServerBSettings) -> AsyncIterator[Relay]:
    """Opens the provider that the settings name, and a Relay on it. Raises ValueError naming a bad setting."""
    load_price_lists(settings.providers)
    provider = create_provider(settings)
    # What pricing makes for its first call takes its time too: better now than amid somebody's stream.
    price(provider.name, provider.default_model, Usage(input_tokens=1, output_tokens=1))
    relay = Relay(provider, price=price, defaults=settings.defaults, limits=settings.limits, version=VERSION)
    try:
        yield relay
    finally:
        relay.close()
        await provider.close()
