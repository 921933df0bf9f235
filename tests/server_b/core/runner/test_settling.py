"""Each call is settled once, at every end; the text of unexpected errors stays inside."""

import asyncio
import logging
from decimal import Decimal

import pytest

from llm_relay.errors import (
    Internal,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    RelayError,
    UnknownModel,
)
from llm_relay.messages import Accuracy, Cost, FinishReason, Prompt, Usage
from server_b.providers.base import Ending, Opening, Text, Working
from server_b.providers.fallback import Fallback
from tests.support.chains import Named
from tests.support.prices import FlatPrices
from tests.support.relayed import streamed, whole
from tests.support.scripted import ENDING, HELLO, MODEL, OPENING, PATIENCE_S, USAGE, ScriptedProvider, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

SECRET = "sk-live-0123456789"


async def test_the_providers_count_is_exact() -> None:
    assert (await whole(create_relay(ScriptedProvider()))).finished.usage == USAGE


async def test_an_error_before_any_usage_says_so_exactly() -> None:
    for error in (ProviderAuth(), ProviderRejected(), UnknownModel(), ProviderRateLimited(retry_after_s=600)):
        with pytest.raises(RelayError) as failed:
            await whole(create_relay(ScriptedProvider([error])))
        assert failed.value.spent is not None
        assert failed.value.spent.usage == Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)


async def test_an_error_without_known_usage_is_unknown() -> None:
    with pytest.raises(ProviderProtocol) as failed:
        await whole(create_relay(ScriptedProvider([ProviderProtocol()])))
    assert failed.value.spent is not None
    assert failed.value.spent.usage == Usage(accuracy=Accuracy.UNKNOWN)
    assert failed.value.spent.cost == Cost()


async def test_an_error_during_the_answer_is_estimated_and_has_no_finish_reason() -> None:
    with pytest.raises(ProviderProtocol) as failed:
        await streamed(create_relay(ScriptedProvider([OPENING, Text("Hello"), ProviderProtocol()])))
    assert failed.value.spent is not None
    assert failed.value.spent.usage.accuracy is Accuracy.ESTIMATED
    assert failed.value.spent.finish_reason is None
    assert failed.value.request_id == "id-1"


async def test_each_call_is_settled_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    relay = create_relay(ScriptedProvider(HELLO, [ProviderAuth()], HELLO))
    await asyncio.gather(whole(relay), whole(relay))
    with pytest.raises(ProviderAuth):
        await whole(relay, Prompt(message="Hi"))
    await streamed(relay)
    await streamed(relay)
    await relay.aclose()
    assert sum(record.name == "relay.calls" for record in caplog.records) == 3
    assert relay.status().calls_processed == 3


async def test_a_failing_price_list_does_not_delay_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    relay = create_relay(ScriptedProvider(), prices={"scripted": FlatPrices(error=ArithmeticError(SECRET))})
    assert (await whole(relay)).finished.cost == Cost()
    assert await relay.wait_idle(PATIENCE_S)
    assert SECRET not in caplog.text
    assert "ArithmeticError" in caplog.text


async def test_the_price_is_that_of_the_model_and_the_tier_that_answered() -> None:
    prices = FlatPrices()
    script: list[Step] = [OPENING, Text("Hello"), Ending(FinishReason.STOP, USAGE, service_tier="flex")]
    relay = create_relay(ScriptedProvider(script), prices={"scripted": prices})
    answer = await whole(relay, Prompt(message="Hi", model="alias"))
    assert prices.asked == [(MODEL, USAGE, "flex")]
    assert answer.finished.cost == Cost(usd=Decimal("0.5"), price_source="list")


async def test_a_model_without_a_price_of_its_own_is_priced_by_its_other_names() -> None:
    prices = FlatPrices(models={"other", "last"})
    script: list[Step] = [Opening(MODEL, priced_as=("unknown", "other", "last")), Text("Hi"), ENDING]
    answer = await whole(create_relay(ScriptedProvider(script), prices={"scripted": prices}))
    assert answer.finished.cost.usd == prices.usd
    assert [model for model, _, _ in prices.asked] == [MODEL, "unknown", "other"]
    assert answer.finished.model == MODEL


async def test_a_model_that_only_the_request_names_by_a_known_name_is_priced_by_it() -> None:
    prices = FlatPrices(models={"alias"})
    answer = await whole(
        create_relay(ScriptedProvider(), prices={"scripted": prices}), Prompt(message="Hi", model="alias")
    )
    assert (answer.finished.model, answer.finished.cost.usd) == (MODEL, prices.usd)


async def test_a_failed_call_of_a_chain_has_the_price_of_the_provider_that_worked() -> None:
    chain = Fallback([Named("first", [away()]), Named("second", [Working("Let me think."), ProviderProtocol()])], {})
    with pytest.raises(ProviderProtocol) as failed:
        await whole(create_relay(chain, prices={"second": (prices := FlatPrices())}))
    assert failed.value.spent is not None
    assert failed.value.spent.cost.usd == prices.usd


@pytest.mark.parametrize("during_the_stream", [True, False])
async def test_the_text_of_an_unexpected_error_reaches_neither_caller_nor_log(
    during_the_stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script: list[Step] = [OPENING, Text("Hel"), RuntimeError(SECRET)] if during_the_stream else [RuntimeError(SECRET)]
    with pytest.raises(Internal) as failed:
        await streamed(create_relay(ScriptedProvider(script)))
    assert failed.value.message == "internal error (request_id id-1)"
    assert SECRET not in caplog.text
    assert not any(record.exc_info for record in caplog.records)
    assert "request_id=id-1 unexpected RuntimeError at scripted.py:" in caplog.text


async def test_no_text_of_prompt_or_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = ScriptedProvider([OPENING, Text(SECRET), ENDING], [OPENING, Text(SECRET), ProviderProtocol()])
    relay = create_relay(provider)
    await streamed(relay, Prompt(message=SECRET, context=SECRET))
    with pytest.raises(ProviderProtocol):
        await streamed(relay, Prompt(message=SECRET, context=SECRET))
    assert len(caplog.records) == 2
    assert not any(SECRET in f"{record.getMessage()} {vars(record)}" for record in caplog.records)
