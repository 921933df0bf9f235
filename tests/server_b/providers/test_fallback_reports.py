"""What a fallback reports: the error, the answering provider, the price, the log line, the status, the models."""

import asyncio
import contextlib
import logging
from typing import Any

import pytest

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from llm_relay.messages import Accuracy, Prompt, Started, State
from server_b.providers.base import Opening, Text
from tests.support.chains import Named, Unlisted, chain, once
from tests.support.logged import logged_facts
from tests.support.prices import FlatPrices
from tests.support.relayed import HI, last, streamed, whole
from tests.support.scripted import ENDING, HELLO, MODEL, OPENING, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

whole_and_streamed = pytest.mark.parametrize("way", [whole, streamed])


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (ProviderAuth(), UnknownModel(), ("PROVIDER_AUTH", None)),
        (UnknownModel(), ProviderAuth(), ("UNKNOWN_MODEL", None)),
        (ProviderAuth(), ProviderRateLimited(retry_after_s=7), ("PROVIDER_RATE_LIMITED", 7)),
        (ProviderRateLimited(retry_after_s=9), away(retry_after_s=4), ("PROVIDER_RATE_LIMITED", 4)),
        (away(), ProviderRateLimited(retry_after_s=5), ("PROVIDER_UNAVAILABLE", 5)),
        (ProviderRateLimited(), away(), ("PROVIDER_RATE_LIMITED", None)),
        (ProviderRateLimited(retry_after_s=3), ProviderUnavailable(), ("PROVIDER_UNAVAILABLE", None)),
        (ProviderRateLimited(retry_after_s=3), ProviderRejected(), ("PROVIDER_RATE_LIMITED", 3)),
        (ProviderAuth(), ProviderRejected(), ("PROVIDER_REJECTED", None)),
        (ProviderAuth(), ProviderProtocol(), ("PROVIDER_PROTOCOL", None)),
    ],
)
@whole_and_streamed
async def test_of_several_errors_the_first_that_waiting_fixes_is_returned_with_the_shortest_wait(
    first: RelayError, second: RelayError, told: tuple[str, float | None], way: Any
) -> None:
    with pytest.raises(RelayError) as failed:
        await way(once(Named("one", [first]), Named("two", [second])))
    assert (failed.value.reason, failed.value.retry_after_s) == told


async def test_the_answer_names_the_provider_that_answered() -> None:
    relay = once(Named("one", [ProviderAuth()]), Named("two"))
    assert (await whole(relay, Prompt(message="Hi"))).provider == "two"
    assert (await streamed(relay))[0] == Started(request_id="id-1", model=MODEL, provider="two")


@whole_and_streamed
@pytest.mark.parametrize("fails_halfway", [False, True])
async def test_the_price_is_that_of_the_provider_that_answered(way: Any, fails_halfway: bool) -> None:
    script: list[Step] = [Opening("two-model"), Text("Hello"), ProviderProtocol() if fails_halfway else ENDING]
    second = Named("two", script)
    prices = {"one": FlatPrices("1"), "two": FlatPrices("2")}
    relay = create_relay(chain(Named("one", [ProviderAuth()]), second), prices=prices)
    expected = pytest.raises(ProviderProtocol) if fails_halfway else contextlib.nullcontext()
    with expected:
        await way(relay)
    assert prices["one"].asked == []
    assert [model for model, _, _ in prices["two"].asked] == ["two-model"]


async def test_nothing_was_used_only_if_every_provider_refused_before_it_worked() -> None:
    for first, accuracy in ((ProviderAuth(), Accuracy.EXACT), (ProviderProtocol(), Accuracy.UNKNOWN)):
        with pytest.raises(RelayError) as failed:
            await streamed(once(Named("one", [first]), Named("two", [ProviderRateLimited()])))
        assert failed.value.spent is not None
        assert failed.value.spent.usage.accuracy is accuracy


async def test_the_log_line_shows_every_attempt(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="relay.calls")
    relay = once(Named("one", [ProviderRateLimited()], HELLO), Named("two"))
    await streamed(relay, Prompt(message="Hi"))
    await streamed(relay, Prompt(message="Hi"))
    await relay.aclose()
    fell_back, straight = logged_facts(caplog, "relay.calls")
    assert (fell_back["provider"], fell_back["tried"]) == ("two", "one:PROVIDER_RATE_LIMITED")
    assert straight["provider"] == "one"
    assert "tried" not in straight


async def test_attempts_are_logged_for_a_call_that_its_deadline_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="relay.calls")
    relay = once(Named("one", [ProviderAuth()]), Named("two", [asyncio.Event()]))
    with pytest.raises(RelayError):
        await relay.process(HI, caller="alice", timeout_s=0.05)
    (facts,) = logged_facts(caplog, "relay.calls")
    assert facts["tried"] == "one:PROVIDER_AUTH"


async def test_the_status_shows_the_failures_of_the_last_call() -> None:
    first = Named("one", [ProviderRateLimited()], [ProviderRateLimited()], HELLO, [UnknownModel()])
    relay = once(first, Named("two", HELLO, [ProviderAuth()], HELLO))
    seen = []
    for _ in range(4):
        with contextlib.suppress(RelayError):
            await streamed(relay, Prompt(message="Hi"))
        seen.append((relay.status().provider_state, relay.status().provider_error))
    assert relay.status().provider == "one,two"
    assert seen == [
        (State.DEGRADED, "PROVIDER_RATE_LIMITED one"),
        (State.DEGRADED, "PROVIDER_RATE_LIMITED one, PROVIDER_AUTH two"),
        (State.HEALTHY, ""),
        (State.HEALTHY, ""),  # the caller's mistake, not the provider's fault
    ]


async def test_the_status_shows_a_failure_during_an_answer_and_drops_failures_that_a_retry_fixed() -> None:
    first = Named("one", [ProviderAuth()], [away(retry_after_s=0)], HELLO)
    relay = create_relay(chain(first, Named("two", [OPENING, ProviderProtocol()], [ProviderAuth()])))
    with pytest.raises(ProviderProtocol):
        await streamed(relay)
    assert relay.status().provider_error == "PROVIDER_AUTH one, PROVIDER_PROTOCOL two"
    await streamed(relay)
    assert relay.status().provider_error == ""


async def test_the_models_are_those_of_all_providers_with_a_note_of_their_provider() -> None:
    models = await chain(Named("one"), Unlisted("two"), Named("three")).list_models()
    assert (models.provider, models.default_model) == ("one,two,three", "one-default")
    assert models.models == ("one-default", "three-default")
    assert models.note == "one: one-default; three: three-default; two: not listed (PROVIDER_UNAVAILABLE)"


async def test_an_error_is_returned_if_no_provider_lists_its_models() -> None:
    with pytest.raises(ProviderUnavailable):
        await chain(Unlisted("one"), Unlisted("two")).list_models()


async def test_all_providers_are_closed() -> None:
    providers = [Named("one"), Named("two")]
    await chain(*providers).close()
    assert [provider.closed for provider in providers] == [True, True]


async def test_cancel_during_an_attempt_ends_softly_and_names_all_providers_that_might_have_answered() -> None:
    first, second = Named("one", [ProviderAuth()]), Named("two", [asyncio.Event()])
    relay = once(first, second)
    asking = asyncio.create_task(streamed(relay))
    await second.until_waiting()
    assert relay.cancel("id-1", caller="alice")
    events = await asking
    assert isinstance(events[0], Started)
    assert events[0].provider == "one,two"
    assert last(events).cost.usd is None
