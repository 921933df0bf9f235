"""Lists a provider's models within a time limit."""

from __future__ import annotations

import asyncio

from llm_relay.errors import ProviderUnavailable
from llm_relay.messages import Models
from server_b.providers.base import Provider

LIST_TIMEOUT_S = 5.0


async def list_models(provider: Provider, *, timeout_s: float = LIST_TIMEOUT_S) -> Models:
    """Lists the provider's models; raises ProviderUnavailable if that takes longer than `timeout_s` seconds."""
    try:
        async with asyncio.timeout(timeout_s):
            return await provider.list_models()
    except TimeoutError as error:
        message = f"the provider did not list its models within {timeout_s:g} s"
        raise ProviderUnavailable(message, may_have_worked=False) from error
