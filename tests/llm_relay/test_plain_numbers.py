"""Only plain decimal digits are a number, wherever people write one."""

from decimal import Decimal

import pytest

from llm_relay.plain_numbers import decimal_number, small_number, whole_number
from server_b.pricing.prices_setting import prices_from_text
from tests.support.not_plain import NOT_PLAIN


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("-3", -3), ("9" * 40, int("9" * 40))])
def test_a_whole_number_is_digits(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["0", "12.50", "-0.5", ".5", "0.000000001"])
def test_a_decimal_number_is_digits_with_a_point(text: str) -> None:
    assert decimal_number(text) == Decimal(text)


@pytest.mark.parametrize("text", ["1e-05", "2.5e-07", "1E-5", "5e-324", str(0.00001234), str(1 / 3 * 1e-9)])
def test_a_small_number_has_a_negative_exponent(text: str) -> None:
    assert small_number(text) == Decimal(text)


@pytest.mark.parametrize(
    "text", ["0.5", "e-05", "1e", "1e-", "1e5", "-1e-05", "+1e-05", "1e-9999", "10e-05", ".1e-05", " 1e-05", "1e-0_5"]
)
def test_no_other_number_is_a_small_one(text: str) -> None:
    assert small_number(text) is None


@pytest.mark.parametrize("text", ["", "-", ".", "1.2.3", "ten", "--1", "9" * 41, *NOT_PLAIN])
def test_nothing_else_is_a_number(text: str) -> None:
    assert (whole_number(text), decimal_number(text), small_number(text)) == (None, None, None)


@pytest.mark.parametrize("text", [text for text in NOT_PLAIN if text == text.strip() and "," not in text])
def test_no_other_number_is_a_price(text: str) -> None:
    with pytest.raises(ValueError, match="is not a price: write provider/model=input/output"):
        prices_from_text(f"openai/x={text}/2")
