"""Listed models have what price lists know of them: rates and context windows, unset if unknown."""

import pytest

from llm_relay.messages import Model, Models
from server_b.core.models.model_prices import with_prices
from server_b.pricing.endpoints import price_lists
from server_b.pricing.price_list import FreePrices
from server_b.providers.openai.models.model_details import known_of

pytestmark = pytest.mark.anyio

USD = 10**9
OPENAI = {"openai": "https://api.openai.com/v1"}
BEDROCK = {"bedrock": "https://bedrock-runtime.us-east-1.amazonaws.com"}


def models(provider: str, *names: str, **more: object) -> Models:
    return Models(provider=provider, models=names, default_model=names[0], **more)  # type: ignore[arg-type]


async def test_the_vendors_models_have_rates_and_a_context_window() -> None:
    listed = models("openai", "gpt-4o", "my-own")
    (known,) = (await with_prices(listed, price_lists(OPENAI))).details
    assert known == Model(
        id="gpt-4o",
        provider="openai",
        context_tokens=128_000,
        input_nano_usd_per_million_tokens=int(2.5 * USD),
        output_nano_usd_per_million_tokens=10 * USD,
        cache_read_nano_usd_per_million_tokens=int(1.25 * USD),
        cache_write_nano_usd_per_million_tokens=int(2.5 * USD),
    )


async def test_facts_from_the_provider_are_kept() -> None:
    details = (known_of("gpt-4o", {}, is_vendor=True),)
    (known,) = (await with_prices(models("openai", "gpt-4o", details=details), price_lists(OPENAI))).details
    assert (known.tools, known.images, known.json_schema, known.reasoning) == (True, True, True, False)
    assert known.output_nano_usd_per_million_tokens == 10 * USD


async def test_a_short_name_has_the_price_of_the_model_it_stands_for() -> None:
    name, others = "sonnet-v2", ("anthropic.claude-3-5-sonnet-20241022-v2:0",)
    listed = models("bedrock", name, priced_as={name: others})
    (known,) = (await with_prices(listed, price_lists(BEDROCK))).details
    assert (known.id, known.input_nano_usd_per_million_tokens) == (name, 3 * USD)


async def test_a_free_model_costs_zero_and_an_unknown_price_is_unset() -> None:
    prices = {"mock": FreePrices(), **price_lists({"openai": "http://127.0.0.1:1/v1"})}
    (free,) = (await with_prices(models("mock", "mock-model"), prices)).details
    assert free.input_nano_usd_per_million_tokens == 0
    assert (await with_prices(models("openai", "gpt-4o"), prices)).details == ()


async def test_a_chain_lists_the_models_of_each_provider() -> None:
    free, priced = (known_of("gpt-4o", {}, is_vendor=True), Model(id="mock-model", provider="mock", tools=True))
    listed = models("openai,mock", "gpt-4o", "mock-model", details=(free, priced))
    details = (await with_prices(listed, {"mock": FreePrices(), **price_lists(OPENAI)})).details
    assert [(one.provider, one.output_nano_usd_per_million_tokens) for one in details] == [
        ("openai", 10 * USD),
        ("mock", 0),
    ]


async def test_a_servers_list_says_what_its_models_support() -> None:
    openrouter = {
        "context_length": 8192,
        "architecture": {"input_modalities": ["text", "image"]},
        "supported_parameters": ["tools", "structured_outputs"],
    }
    assert known_of("a", openrouter, is_vendor=False) == Model(
        id="a", provider="openai", tools=True, images=True, json_schema=True, reasoning=False, context_tokens=8192
    )
    mistral = {"max_context_length": 32_768, "capabilities": {"function_calling": True, "vision": False}}
    assert known_of("a", mistral, is_vendor=False) == Model(
        id="a", provider="openai", tools=True, images=False, context_tokens=32_768
    )
    assert known_of("a", {"meta": {"n_ctx_train": 4096}}, is_vendor=False).context_tokens == 4096
    assert known_of("gpt-4o", {"capabilities": "all"}, is_vendor=False) == Model(id="gpt-4o", provider="openai")


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("gpt-4o-2024-05-13", (True, True, False, False)),
        ("gpt-4.1-nano", (True, True, True, False)),
        ("gpt-5-mini", (True, True, True, True)),
        ("o3-mini-2025-01-31", (True, False, True, True)),
        ("gpt-3.5-turbo-0125", (True, False, False, False)),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", (True, True, True, False)),
        ("gpt-4o-audio-preview", (None, None, None, None)),
        ("text-embedding-3-small", (None, None, None, None)),
    ],
)
async def test_the_vendors_models_are_recognised_by_name(name: str, can: tuple[bool | None, ...]) -> None:
    known = known_of(name, {}, is_vendor=True)
    assert (known.tools, known.images, known.json_schema, known.reasoning) == can
