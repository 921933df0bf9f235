"""Prices that the operator sets: in PRICES, and in the ledger with a period of validity."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from llm_relay.messages import Cost, Usage
from llm_relay.messages.accounts import Price
from server_b.pricing.operator_prices import OperatorPrices
from server_b.pricing.price_list import UnknownPrices
from server_b.pricing.prices_setting import prices_from_text
from tests.support.prices import FlatPrices

MILLION = 1_000_000
USAGE = Usage(input_tokens=MILLION, output_tokens=MILLION)
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def set_prices(text: str = "", *of_ledger: Price, provider: str = "openai") -> OperatorPrices:
    return OperatorPrices(provider, UnknownPrices(), prices_from_text(text), lambda: of_ledger)


def usd(text: str, model: str, usage: Usage = USAGE) -> Decimal | None:
    return set_prices(text).cost(model, usage).usd


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        ("openai/my-*=2.50/10.00", "my-model", "12.5"),
        (" openai/my-? = 2.50 / 10 ,", "my-1", "12.5"),
        ("openai/my-?=2.50/10", "my-10", None),
        ("openai/my-*=1/1", "My-model", None),
        ("bedrock/*=1/1", "my-model", None),
        ("*/*=1/1", "my-model", "2"),
        ("openai/*=0/0", "my-model", "0"),
        ("openai/my-model=1/1,openai/*=5/5", "my-model", "2"),
        ("openai/*=5/5,openai/my-model=1/1", "my-model", "10"),
        ("openai/org/model=1/2", "org/model", "3"),
        ("openai/m?fault=cut&after=3=1/2", "m?fault=cut&after=3", "3"),
        ("openai/a.b[c]=1/2", "a.b[c]", "3"),
        ("openai/a.b[c]=1/2", "axb[c]", None),
        ("openai/*=0.000000001/0", "m", "0.000000001"),
        ("", "m", None),
    ],
)
def test_the_first_pattern_that_matches_is_the_price(text: str, model: str, expected: str | None) -> None:
    assert usd(text, model) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("rates", "expected"), [("10/100", 110 - 0), ("10/100/1", 110 - 4.5), ("10/100/1/20", 110 - 4.5 + 2.0)]
)
def test_cached_tokens_have_their_own_rates_or_that_of_the_input(rates: str, expected: float) -> None:
    usage = Usage(
        input_tokens=MILLION, output_tokens=MILLION, cache_read_tokens=MILLION // 2, cache_write_tokens=MILLION // 5
    )
    assert usd(f"openai/*={rates}", "m", usage) == Decimal(str(expected))


@pytest.mark.parametrize(
    "text",
    [
        "my-model=1/2",
        "openai/my-model",
        "openai/=1/2",
        "/my-model=1/2",
        "openai/m=1",
        "openai/m=1/2/3/4/5",
        "openai/m=1/x",
        "openai/m=1/-2",
        "openai/m=1/nan",
        "openai/m=1/1e9",
        "openai/m=1/0.0000000001",
        "openai/m=",
    ],
)
def test_an_invalid_price_is_refused_with_the_fix(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as openai/my-\*=2.50/10.00|a rate must be"):
        prices_from_text(text)


def test_the_ledgers_price_takes_precedence_over_the_setting_and_both_over_a_list() -> None:
    ledgers = Price(pattern="openai/gpt-4o", input=10**9, output=10**9)
    prices = OperatorPrices("openai", FlatPrices("99"), prices_from_text("openai/gpt-*=5/5"), lambda: (ledgers,))
    assert prices.cost("gpt-4o", USAGE) == Cost(usd=Decimal(2), price_source="ledger openai/gpt-4o")
    assert prices.cost("gpt-5", USAGE) == Cost(usd=Decimal(10), price_source="PRICES openai/gpt-*")
    assert prices.cost("o9", USAGE).usd == 99
    assert prices.bound("gpt-4o", input_tokens=MILLION, output_tokens=MILLION) == 2
    assert prices.bound("o9", input_tokens=MILLION, output_tokens=MILLION) == 99


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "holds"),
    [(None, None, True), (NOW - DAY, None, True), (NOW + DAY, None, False), (None, NOW - DAY, False)],
)
def test_a_price_applies_within_its_dates(
    valid_from: datetime | None, valid_until: datetime | None, holds: bool
) -> None:
    dated = Price(pattern="openai/*", input=10**9, output=10**9, valid_from=valid_from, valid_until=valid_until)
    assert set_prices("openai/*=5/5", dated).cost("m", USAGE).usd == (2 if holds else 10)


def test_a_change_of_the_ledgers_prices_applies_at_once() -> None:
    in_ledger: list[tuple[Price, ...]] = [()]
    prices = OperatorPrices("openai", UnknownPrices(), (), lambda: in_ledger[0])
    assert prices.cost("m", USAGE) == Cost()
    in_ledger[0] = (Price(pattern="openai/*", input=0, output=0),)
    assert prices.cost("m", USAGE).usd == 0


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=5), Usage(input_tokens=1, output_tokens=-1)])
def test_without_counts_that_add_up_the_cost_is_unknown(usage: Usage) -> None:
    assert usd("openai/*=1/1", "m", usage) is None
