"""A provider made of providers: which one is called next, after which errors, and for which model."""

import asyncio
from typing import Any

import pytest

from llm_relay.errors import (
    InvalidRequest,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from llm_relay.messages import Prompt
from server_b.core.limits import Limits, Patience
from server_b.providers.base import Text, Working
from tests.support.chains import Named, chain, once
from tests.support.relayed import streamed, whole
from tests.support.scripted import HELLO, OPENING, End, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

MOVING_ON = [ProviderRateLimited(), away(), ProviderAuth(), UnknownModel(), ProviderProtocol(may_have_worked=False)]

whole_and_streamed = pytest.mark.parametrize("way", [whole, streamed])


# Which provider is called.


@whole_and_streamed
@pytest.mark.parametrize("error", MOVING_ON, ids=lambda error: error.reason)
async def test_the_next_provider_is_called_after_an_error_that_concerns_only_the_first(
    error: RelayError, way: Any
) -> None:
    first, second = Named("one", [error]), Named("two")
    await way(once(first, second))
    assert [first.tries[0].end, second.tries[0].end] == [End.FAILED, End.WHOLE]


@whole_and_streamed
@pytest.mark.parametrize("error", [ProviderRejected(), InvalidRequest(), RuntimeError("unforeseen")])
async def test_after_any_other_error_no_other_provider_is_called(error: Exception, way: Any) -> None:
    second = Named("two")
    with pytest.raises(RelayError) as failed:
        await way(once(Named("one", [error]), second))
    assert failed.value.reason == getattr(error, "reason", "INTERNAL")
    assert second.tries == []


@whole_and_streamed
@pytest.mark.parametrize("script", [[ProviderProtocol()], [], [Working(), ProviderProtocol()]])
async def test_a_malformed_answer_has_been_paid_for_and_is_not_bought_again(script: list[Step], way: Any) -> None:
    second = Named("two")
    with pytest.raises(ProviderProtocol):
        await way(once(Named("one", script), second))
    assert second.tries == []


@pytest.mark.parametrize("begun", [[OPENING], [OPENING, Text("Hel")]])
@pytest.mark.parametrize("error", MOVING_ON, ids=lambda error: error.reason)
@whole_and_streamed
async def test_no_other_provider_is_called_once_one_has_begun(begun: list[Step], error: RelayError, way: Any) -> None:
    second = Named("two")
    with pytest.raises(type(error)):
        await way(once(Named("one", [*begun, error]), second))
    assert second.tries == []


async def test_a_stream_that_a_provider_began_and_cut_is_an_error() -> None:
    with pytest.raises(ProviderProtocol):
        await streamed(once(Named("one", [OPENING, Text("Hel")]), Named("two")))


async def test_a_silent_provider_may_be_working_and_is_not_followed_by_another() -> None:
    first, second = Named("one", [asyncio.Event()]), Named("two")
    relay = create_relay(chain(first, second), limits=Limits(patience=Patience(attempts=1, first_token_s=0.02)))
    with pytest.raises(ProviderUnavailable, match="silent"):
        await streamed(relay)
    assert first.tries[0].end is End.ABORTED
    assert second.tries == []


async def test_a_caller_who_leaves_ends_the_running_provider_call() -> None:
    first, second, third = Named("one", [ProviderAuth()]), Named("two", [asyncio.Event()]), Named("three")
    asking = asyncio.create_task(streamed(once(first, second, third)))
    await second.until_waiting()
    asking.cancel()
    assert await second.until_ended() is End.ABORTED
    assert third.tries == []


@whole_and_streamed
async def test_a_retry_starts_from_the_first_provider(way: Any) -> None:
    first = Named("one", [away(retry_after_s=0)], HELLO)
    second = Named("two", [ProviderAuth()])
    await way(create_relay(chain(first, second)))
    assert [len(first.tries), len(second.tries)] == [2, 1]


@whole_and_streamed
async def test_a_retry_waits_no_longer_than_the_shortest_wait_of_the_providers(way: Any) -> None:
    first = Named("one", [ProviderRateLimited(retry_after_s=3600)])
    second = Named("two", [away()], [ProviderRateLimited(retry_after_s=0)], HELLO)
    await way(create_relay(chain(first, second)))
    assert [len(first.tries), len(second.tries)] == [3, 3]


# For which model.


async def test_the_first_provider_gets_the_callers_model_and_the_next_its_own() -> None:
    first, second = Named("one", [ProviderAuth()]), Named("two")
    relay = once(first, second, big="two-big")
    for model in ("big", "small", None):
        await whole(relay, Prompt(message="Hi", model=model))
    assert first.asked == ["big", "small", None]
    assert second.asked == ["two-big", None, None]


async def test_the_first_providers_default_can_be_mapped_for_callers_who_name_none() -> None:
    first, second = Named("one", [ProviderAuth()]), Named("two")
    await whole(once(first, second, **{"one-default": "two-big"}))
    assert second.asked == ["two-big"]


async def test_a_chain_of_one_maps_its_models_too() -> None:
    provider = Named("one")
    relay = once(provider, big="one-big")
    await whole(relay, Prompt(message="Hi", model="big"))
    assert provider.asked == ["one-big"]
    assert (relay.status().provider, relay.status().default_model) == ("one", "one-default")
