"""The list of models is requested once, within a time limit, and cached briefly."""

import asyncio

import pytest

from llm_relay.errors import ProviderAuth, ProviderUnavailable
from server_b.core.models.model_cache import ModelCache
from server_b.providers.fallback import LIST_EACH_S, Fallback
from server_b.providers.listing_timeout import LIST_TIMEOUT_S
from tests.support.held_time import HELD_TIME, held_loop
from tests.support.listing import Listing
from tests.support.relayed import a_few_turns

pytestmark = pytest.mark.anyio


async def test_a_fresh_list_is_returned_without_a_request() -> None:
    models = ModelCache(provider := Listing(None))
    assert await models.get() == await models.get()
    assert provider.asked == 1


async def test_a_stale_list_is_requested_again() -> None:
    models = ModelCache(provider := Listing(None), fresh_s=0)
    await models.get()
    await models.get()
    assert provider.asked == 2


async def test_concurrent_requests_share_one_list() -> None:
    gate = asyncio.Event()
    models = ModelCache(provider := Listing(gate))
    asking = [asyncio.create_task(models.get()) for _ in range(5)]
    await a_few_turns()
    gate.set()
    assert len(set(map(repr, await asyncio.gather(*asking)))) == 1
    assert provider.asked == 1


async def test_a_failure_is_reported_and_not_cached() -> None:
    models = ModelCache(provider := Listing(ProviderAuth(), None))
    with pytest.raises(ProviderAuth):
        await models.get()
    assert (await models.get()).models
    assert provider.asked == 2


async def test_a_silent_provider_is_unavailable_after_the_time_limit() -> None:
    assert LIST_TIMEOUT_S == 5
    models = ModelCache(provider := Listing(asyncio.Event()), timeout_s=0.02)
    with pytest.raises(ProviderUnavailable, match="did not list its models"):
        await models.get()
    assert (provider.asked, provider.left) == (1, 1)


async def test_the_providers_request_is_cancelled_when_the_last_waiter_leaves() -> None:
    models = ModelCache(provider := Listing(asyncio.Event(), None))
    first, second = (asyncio.create_task(models.get()) for _ in range(2))
    await a_few_turns()
    first.cancel()
    await a_few_turns()
    assert provider.left == 0
    second.cancel()
    await a_few_turns()
    assert provider.left == 1
    assert (await models.get()).models


@pytest.mark.parametrize("anyio_backend", [HELD_TIME])
async def test_a_silent_provider_of_several_does_not_hide_the_others() -> None:
    chain = Fallback([Listing(asyncio.Event(), name="one"), Listing(None, name="two")], {})
    with held_loop().held():
        listing = asyncio.create_task(chain.list_models())
        await a_few_turns()
        held_loop().advance(LIST_EACH_S)
        models = await listing
    assert models.models
    assert models.note.endswith("one: not listed (PROVIDER_UNAVAILABLE)")
