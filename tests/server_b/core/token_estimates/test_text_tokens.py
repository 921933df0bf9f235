"""Estimates of a text's tokens, compared with the tokenizer of OpenAI's models."""

import pytest

from server_b.core.token_estimates.text_tokens import SAMPLE_CHARS, estimated_tokens
from tests.support.true_counts import TRUE_COUNTS


@pytest.mark.parametrize(("tokens", "text"), [row[1:] for row in TRUE_COUNTS], ids=[row[0] for row in TRUE_COUNTS])
def test_an_estimate_is_between_three_quarters_and_one_and_a_half_of_the_truth(tokens: int, text: str) -> None:
    assert 0.75 <= estimated_tokens(text) / tokens <= 1.5


def test_an_empty_text_has_no_token_and_any_other_at_least_one() -> None:
    assert estimated_tokens("") == 0
    assert estimated_tokens(" ") == 1


@pytest.mark.parametrize("tokens", [10_000, 100_000])
@pytest.mark.parametrize(
    ("unit", "each"), [row[2:0:-1] for row in TRUE_COUNTS if row[0] in ("english", "json", "chinese")]
)
def test_a_long_text_is_estimated_from_samples(unit: str, each: int, tokens: int) -> None:
    text = unit * (tokens // each)
    assert len(text) > SAMPLE_CHARS
    assert 0.75 <= estimated_tokens(text) / tokens <= 1.5


def test_a_long_mixed_text_is_sampled_all_over() -> None:
    text = "word " * 20_000 + "\u4e16" * 100_000
    assert 0.75 <= estimated_tokens(text) / (20_000 + 100_000 / 1.4) <= 1.5
