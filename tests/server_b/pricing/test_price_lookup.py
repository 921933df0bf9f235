"""Current prices of models, for people and for calls without a cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llm_relay.messages import Model, Models
from llm_relay.messages.accounts import CallAttempt, CallEntry, CallState, Price
from server_b.pricing.operator_prices import OperatorPrices
from server_b.pricing.price_list import FreePrices, PriceList, UnknownPrices
from server_b.pricing.price_lookup import PriceLookup

PRICE = Price(pattern="openai/my-*", input=2_500_000_000, output=10_000_000_000, cache_read=1_250_000_000)


def desk() -> PriceLookup:
    """Makes a price desk for two providers; the first has a price for some models."""
    openai = OperatorPrices("openai", UnknownPrices(), [PRICE], lambda: ())
    prices: dict[str, PriceList] = {"openai": openai, "mock": FreePrices()}
    return PriceLookup(prices, {("openai", "small"): "my-small"})


def call(**fields: int | str | None) -> CallEntry:
    """Makes a call of the priced model whose cost is not known."""
    known = {"provider": "openai", "model": "my-small", "input_tokens": 1000, "output_tokens": 10, **fields}
    at = datetime(2026, 11, 26, tzinfo=UTC)
    return CallEntry(id="c", request_id="r", caller="a", state=CallState.SETTLED, started_at=at, **known)  # type: ignore[arg-type]


def test_a_model_is_priced_at_each_provider_under_its_name_there() -> None:
    openai, mock = desk().find("small")
    assert (openai.provider, openai.model, openai.source) == ("openai", "my-small", "PRICES openai/my-*")
    assert openai.price is not None
    rates = (openai.price.input, openai.price.output, openai.price.cache_read, openai.price.cache_write)
    assert rates == (2_500_000_000, 10_000_000_000, 1_250_000_000, 2_500_000_000)
    assert mock.price is not None
    assert (mock.model, mock.price.input, mock.source) == ("small", 0, "mock")


def test_a_provider_can_be_named_and_a_price_may_be_unknown() -> None:
    (found,) = desk().find("openai/other")
    assert (found.model, found.price, found.source) == ("other", None, "")
    assert [one.model for one in desk().find("meta/llama")] == ["meta/llama", "meta/llama"]


def test_a_call_is_priced_as_the_requested_model_if_the_answers_model_has_no_price() -> None:
    answered = call(model="their-small-2026")
    asked = [CallAttempt(provider="openai", model=model, started_at=answered.started_at) for model in ("x", "my-small")]
    assert desk().cost(replace(answered, attempts=tuple(asked))).usd == Decimal("0.0026")
    assert desk().cost(replace(answered, attempts=tuple(asked[:1]))).usd is None


def test_calls_are_priced_by_their_tokens_if_those_are_known() -> None:
    assert desk().cost(call()).usd == Decimal("0.0026")
    assert desk().cost(call(cache_read_tokens=1000)).usd == Decimal("0.00135")
    for unknown in (call(output_tokens=None), call(model="other"), call(provider="bedrock")):
        assert desk().cost(unknown).usd is None


LISTED = Models(
    provider="openai, mock",
    models=("gpt-5", "gpt-5-mini", "mock-model"),
    default_model="gpt-5",
    details=(Model(id="gpt-5", provider="openai"), Model(id="mock-model", provider="mock")),
    priced_as={"arn:1": ("claude",)},
)


@pytest.mark.parametrize(
    "pattern",
    ["*", "openai/gpt-*", "openai/gpt-5", "op?nai/gpt-?", "o*/gpt-5-mini", "*ai/*", "openai/my-small", "openai/cl*"],
)
def test_no_warning_of_a_price_that_calls_use(pattern: str) -> None:
    assert desk().unmatched(pattern, LISTED) == ""


@pytest.mark.parametrize("pattern", ["opnai/gpt-5", "OpenAI/*", "opena?i/*", "openaix*/gpt-5", "bedrock/*"])
def test_a_price_for_a_provider_that_is_not_called_is_warned_of(pattern: str) -> None:
    for models in (LISTED, None):
        warning = desk().unmatched(pattern, models)
        assert warning.startswith(f"{pattern}: this server calls no provider {pattern.partition('/')[0]!r}")
        assert warning.endswith("it calls openai, mock")


@pytest.mark.parametrize("pattern", ["openai/gtp-5", "openai/GPT-*", "*/llama", "mock/other"])
def test_a_price_for_models_that_nobody_lists_is_warned_of(pattern: str) -> None:
    assert "matches no model that" in desk().unmatched(pattern, LISTED)


def test_no_warning_of_models_that_are_not_known() -> None:
    assert desk().unmatched("openai/gtp-5", None) == ""
    partly = replace(LISTED, details=LISTED.details[1:], provider="openai, mock")
    assert desk().unmatched("openai/gtp-5", partly) == ""
