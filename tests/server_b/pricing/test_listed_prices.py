"""The cost of a call by a vendor's list, exact to the nano-dollar or unknown."""

import itertools
import warnings
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers as vendors

from llm_relay.messages import Cost, Usage
from server_b.pricing.endpoints import price_lists
from server_b.pricing.listed_prices import ListedPrices
from server_b.pricing.price_list import PriceList

MILLION = 1_000_000
USAGE = Usage(input_tokens=MILLION, output_tokens=MILLION)
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
OPENAI = "https://api.openai.com/v1"


def prices(provider: str = "openai", endpoint: str = OPENAI) -> PriceList:
    return price_lists({provider: endpoint})[provider]


def bedrock(region: str) -> PriceList:
    return prices("bedrock", f"https://bedrock-runtime.{region}.amazonaws.com")


@pytest.mark.parametrize(("model", "usd"), [("gpt-4o", "12.5"), ("gpt-4o-mini", "0.75"), ("gpt-4o-2024-08-06", "12.5")])
def test_a_known_model_costs_its_list_price(model: str, usd: str) -> None:
    cost = prices().cost(model, USAGE)
    assert cost.usd == Decimal(usd)
    assert cost.price_source.startswith("genai-prices ")


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=5), Usage(output_tokens=5)])
def test_without_both_counts_the_cost_is_unknown(usage: Usage) -> None:
    assert prices().cost("gpt-4o", usage) == Cost()


@pytest.mark.parametrize("model", ["", "no-such-model", "gpt-4o\0", "x" * 10_000, "世界"])
def test_a_model_without_a_price_has_an_unknown_cost(model: str) -> None:
    assert prices().cost(model, USAGE) == Cost()
    assert bedrock("us-east-1").cost(model, USAGE) == Cost()


@pytest.mark.parametrize("model", ["tts-1", "whisper-1", "gpt-realtime-translate", "text-embedding-3-small"])
def test_a_listed_model_without_both_token_rates_has_no_price_which_is_not_zero(model: str) -> None:
    assert prices().cost(model, USAGE) == Cost()


def test_cached_input_costs_less() -> None:
    cached = prices().cost("gpt-4o", Usage(input_tokens=MILLION, output_tokens=0, cache_read_tokens=MILLION))
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
    assert prices().cost("gpt-4o", usage) == Cost()


@pytest.mark.parametrize(
    ("model", "tier", "usd"),
    [
        ("gpt-5", "", "11.25"),
        ("gpt-5", "default", "11.25"),
        ("gpt-5", "auto", "11.25"),
        ("gpt-5", "flex", "5.625"),
        ("gpt-5", "priority", "22.5"),
        ("gpt-5", "batch", "5.625"),
        ("gpt-4o", "priority", "21.25"),
        ("gpt-4o", "flex", None),
        ("gpt-5", "scale", None),
        ("gpt-5", "a tier of next year", None),
    ],
)
def test_a_service_tier_has_its_own_price_or_none(model: str, tier: str, usd: str | None) -> None:
    assert prices().cost(model, USAGE, tier).usd == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize(
    ("region", "model", "usd"),
    [
        ("us-east-1", HAIKU, "1.5"),
        ("us-east-1", "amazon.nova-pro-v1:0", "4"),
        ("us-west-2", "us.amazon.nova-pro-v1:0", "4"),
        ("eu-central-1", "eu.amazon.nova-pro-v1:0", None),
        ("sa-east-1", "amazon.nova-pro-v1:0", None),
        ("us-east-1", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "18"),
        ("us-east-1", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "19.8"),
        ("eu-central-1", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "19.8"),
        ("us-gov-west-1", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "19.8"),
        ("us-east-1", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0", "1.5"),
        ("us-east-1", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", None),
    ],
)
def test_bedrock_is_priced_by_region_and_by_the_reach_of_the_id(region: str, model: str, usd: str | None) -> None:
    assert bedrock(region).cost(model, USAGE).usd == (None if usd is None else Decimal(usd))


COUNTS = (0, 1, 999, 128_000, 128_001, 200_000, 200_001, 272_001, 3 * MILLION)
"""Token counts on both sides of the lengths from which an input costs more."""


@pytest.mark.parametrize("name", ["openai", "aws", "deepseek", "google", "mistral", "groq", "perplexity", "x-ai"])
def test_remembered_rates_give_the_cost_of_genai_prices(name: str) -> None:
    vendor = next(one for one in vendors if one.id == name)
    ours, compared = ListedPrices([vendor]), 0
    for model, inputs in itertools.product(vendor.models, COUNTS):
        third = inputs // 3
        for read, written in itertools.product((None, third), (None, third)):
            usage = Usage(input_tokens=inputs, output_tokens=777, cache_read_tokens=read, cache_write_tokens=written)
            cost = ours.cost(model.id, usage)
            if cost.usd is not None:
                assert cost.usd == listed_usd(model.id, usage, name), (model.id, usage)
                compared += 1
    assert compared > 200


def listed_usd(model: str, usage: Usage, vendor: str) -> Decimal:
    counts = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    with warnings.catch_warnings(action="ignore"):
        return genai_prices.calc_price(counts, model, provider_id=vendor).total_price


# The bound: what a call can cost at most.


def test_the_bound_is_every_token_at_its_rate() -> None:
    bound = prices().bound("gpt-4o", input_tokens=66, output_tokens=1000)
    assert bound == (Decimal("2.5") * 66 + Decimal(10) * 1000) / MILLION


def test_the_bound_takes_the_highest_rate_that_can_apply() -> None:
    sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    bound = bedrock("us-east-1").bound(sonnet, input_tokens=18, output_tokens=1)
    assert bound == (Decimal("4.125") * 18 + Decimal("16.5")) / MILLION  # written to the cache


@pytest.mark.parametrize("tier", ["", "flex", "priority"])
def test_the_bound_of_a_tier_is_the_dearer_of_the_tier_and_the_standard_rate(tier: str) -> None:
    bound = prices().bound("gpt-5", input_tokens=MILLION, output_tokens=MILLION, tier=tier)
    costs = [prices().cost("gpt-5", USAGE, one).usd for one in ("", tier)]
    assert bound == max(cost for cost in costs if cost is not None)


def test_without_a_price_there_is_no_bound() -> None:
    assert prices().bound("no-such-model", input_tokens=1, output_tokens=1) is None
    assert prices().bound("gpt-4o", input_tokens=1, output_tokens=1, tier="of-gold") is None
