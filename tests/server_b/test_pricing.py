"""What a call costs, to the nano-dollar, or nothing said."""

import itertools
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot

from llm_relay.messages import Cost, Usage
from server_b import pricing
from server_b.pricing import price

MILLION = 1_000_000
USAGE = Usage(input_tokens=MILLION, output_tokens=MILLION)
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


@pytest.mark.parametrize(
    ("provider", "model", "usd"),
    [("openai", "gpt-4o", "12.5"), ("openai", "gpt-4o-mini", "0.75"), ("bedrock", HAIKU, "1.5")],
)
def test_a_known_model_costs_its_list_price(provider: str, model: str, usd: str) -> None:
    cost = price(provider, model, USAGE)
    assert cost.usd == Decimal(usd)
    assert cost.price_source.startswith("genai-prices ")


def test_the_mock_costs_a_known_nothing() -> None:
    assert price("mock", "mock-model", Usage()) == Cost(usd=Decimal(0), price_source="mock")


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=5), Usage(output_tokens=5)])
def test_without_both_counts_the_cost_is_unknown(usage: Usage) -> None:
    assert price("openai", "gpt-4o", usage) == Cost()


@pytest.mark.parametrize("model", ["", "no-such-model", "gpt-4o\0", "x" * 10_000, "世界"])
@pytest.mark.parametrize("provider", ["openai", "bedrock", "no-such-provider"])
def test_a_model_without_a_price_has_an_unknown_cost(provider: str, model: str) -> None:
    assert price(provider, model, USAGE) == Cost()


def test_nothing_used_costs_nothing_whatever_the_model() -> None:
    assert price("openai", "no-such-model", Usage(input_tokens=0, output_tokens=0)).usd == 0


def test_cached_input_costs_less() -> None:
    cached = price("openai", "gpt-4o", Usage(input_tokens=MILLION, output_tokens=0, cache_read_tokens=MILLION))
    assert cached.usd == Decimal("1.25")


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=1, output_tokens=1, cache_read_tokens=2),
        Usage(input_tokens=-1, output_tokens=1),
        Usage(input_tokens=1, output_tokens=-1),
    ],
)
def test_counts_that_do_not_add_up_have_an_unknown_cost(usage: Usage) -> None:
    assert price("openai", "gpt-4o", usage) == Cost()


COUNTS = (0, 1, 999, 128_000, 128_001, 200_000, 200_001, 272_001, 3 * MILLION)
"""Tokens, on both sides of the lengths from which an input costs more."""


@pytest.mark.parametrize(("provider", "price_list"), [("openai", "openai"), ("bedrock", "aws")])
def test_remembered_rates_cost_what_the_price_list_says(provider: str, price_list: str) -> None:
    listed = next(one for one in get_snapshot().providers if one.id == price_list)
    compared = 0
    for model, inputs in itertools.product(listed.models, COUNTS):
        third = inputs // 3
        for read, written in itertools.product((None, 0, third), (None, third)):
            usage = Usage(input_tokens=inputs, output_tokens=777, cache_read_tokens=read, cache_write_tokens=written)
            expected = pricing._list_price(price_list, model.id, usage)
            assert price(provider, model.id, usage) == expected, (model.id, usage)
            compared += 1
    assert compared > 5_000
