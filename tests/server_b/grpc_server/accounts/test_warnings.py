"""Changes warn of patterns that no call matches, but are never held up or refused for it."""

from __future__ import annotations

import asyncio

import pytest

from llm_relay.errors import ProviderUnavailable
from llm_relay.messages import Models
from llm_relay.messages.accounts import Price
from server_b.providers.mock.provider import MockProvider
from tests.support.memory_ledger import MemoryLedger
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

PATIENCE_S = 60


class Listing(MockProvider):
    """Does not list its models: fails, or hangs until it is cancelled."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__(delay_s=0, word_delay_s=0)
        self.hangs = hangs
        self.listed = 0

    async def list_models(self) -> Models:
        self.listed += 1
        if self.hangs:
            await asyncio.Event().wait()
        raise ProviderUnavailable


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_provider_that_does_not_list_its_models_fails_no_change(*, hangs: bool) -> None:
    provider, warnings = Listing(hangs=hangs), list[str]()
    async with (
        asyncio.timeout(PATIENCE_S),
        serving(provider, ledger=MemoryLedger()) as server,
        server.accounts() as client,
    ):
        await client.put_price(Price(pattern="mokc/*", input=1, output=1), warn=warnings.append)
        assert provider.listed == 0  # the warning needs no list
        await client.put_price(Price(pattern="mock/other", input=1, output=1), warn=warnings.append)
        assert provider.listed == 1
        assert {price.pattern for price in await client.prices()} == {"mokc/*", "mock/other"}
    assert warnings == ["mokc/*: this server calls no provider 'mokc'; it calls mock"]
