"""The counts of many vendors, and how they add up."""

import pytest

from llm_relay.messages import Accuracy, Usage
from server_b.providers.openai.answer.usage import usage_from_wire

EXACT, ESTIMATED = Accuracy.EXACT, Accuracy.ESTIMATED


def counts(prompt: object, completion: object, total: object = None, **more: object) -> dict[str, object]:
    given = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {**{name: count for name, count in given.items() if count is not None}, **more}


def reasoning(tokens: int) -> dict[str, object]:
    return {"completion_tokens_details": {"reasoning_tokens": tokens}}


Expected = tuple[dict[str, object], int | None, int | None, int | None, int | None, int | None, Accuracy]
CASES: dict[str, Expected] = {
    # name: (counts, input, output, cache read, cache write, reasoning, accuracy)
    "OpenAI": (counts(20, 5, 25), 20, 5, None, None, None, EXACT),
    "OpenAI, reasoning within": (counts(20, 305, 325, **reasoning(300)), 20, 305, None, None, 300, EXACT),
    "xAI and Gemini, reasoning on top": (counts(20, 5, 325, **reasoning(300)), 20, 305, None, None, 300, EXACT),
    "reasoning on top, no total": (counts(20, 5, **reasoning(300)), 20, 305, None, None, 300, EXACT),
    "reasoning within, no total": (counts(20, 305, **reasoning(300)), 20, 305, None, None, 300, EXACT),
    "Gemini, reasoning not reported": (counts(20, 5, 325), 20, 305, None, None, None, ESTIMATED),
    "reasoning on top of details that fit nothing": (
        counts(20, 5, 25, **reasoning(300)),
        20,
        305,
        None,
        None,
        300,
        ESTIMATED,
    ),
    "a total below its parts": (counts(20, 5, 10), 20, 5, None, None, None, ESTIMATED),
    "a total of 0": (counts(20, 5, 0), 20, 5, None, None, None, EXACT),
    "OpenAI, cached": (
        counts(20, 5, 25, prompt_tokens_details={"cached_tokens": 16}),
        20,
        5,
        16,
        None,
        None,
        EXACT,
    ),
    "OpenRouter, written": (
        counts(20, 5, 25, prompt_tokens_details={"cached_tokens": 0, "cache_write_tokens": 9}),
        20,
        5,
        0,
        9,
        None,
        EXACT,
    ),
    "DeepSeek": (
        counts(20, 5, 25, prompt_cache_hit_tokens=12, prompt_cache_miss_tokens=8),
        20,
        5,
        12,
        None,
        None,
        EXACT,
    ),
    "Moonshot, cached on top": (counts(20, 5, 25, cached_tokens=12), 20, 5, 12, None, None, EXACT),
    "Anthropic's own": (
        {"input_tokens": 4, "output_tokens": 5, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 6},
        20,
        5,
        10,
        6,
        None,
        EXACT,
    ),
    "Anthropic's own, with a total": (
        {"input_tokens": 4, "output_tokens": 5, "cache_read_input_tokens": 16, "total_tokens": 25},
        20,
        5,
        16,
        None,
        None,
        EXACT,
    ),
    "LiteLLM, Anthropic's cache within the prompt": (
        counts(20, 5, 25, cache_read_input_tokens=10, cache_creation_input_tokens=6),
        20,
        5,
        10,
        6,
        None,
        EXACT,
    ),
    "cached tokens that exceed the prompt": (counts(4, 5, cache_read_input_tokens=16), 20, 5, 16, None, None, EXACT),
    "the responses API's names": (
        {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25, "input_tokens_details": {"cached_tokens": 8}},
        20,
        5,
        8,
        None,
        None,
        EXACT,
    ),
    "Ollama's own": ({"prompt_eval_count": 20, "eval_count": 5}, 20, 5, None, None, None, EXACT),
    "the output from the total": (counts(20, None, 25), 20, 5, None, None, None, EXACT),
    "the input from the total": (counts(None, 5, 25), 20, 5, None, None, None, EXACT),
    "the input alone": (counts(20, None), 20, None, None, None, None, ESTIMATED),
    "an output of 0 beside text": (counts(20, 0, 20), 20, None, None, None, None, ESTIMATED),
    "an input of 0": (counts(0, 5, 5), None, 5, None, None, None, ESTIMATED),
    "whole numbers as floats": (counts(20.0, 5.0, 25.0), 20, 5, None, None, None, EXACT),
    "details of another shape": (
        counts(20, 5, prompt_tokens_details=[], completion_tokens_details={"reasoning_tokens": "many"}),
        20,
        5,
        None,
        None,
        None,
        EXACT,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_counts_are_converted_to_the_contracts_meaning(case: str) -> None:
    given, input_tokens, output_tokens, cache_read, cache_write, reasoning_tokens, accuracy = CASES[case]
    assert usage_from_wire(given, has_text=True) == Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        reasoning_tokens=reasoning_tokens,
        accuracy=accuracy,
    )


NOTHING: dict[str, dict[str, object] | None] = {
    "none": None,
    "empty": {},
    "all zeros": counts(0, 0, 0),
    "zeros with details": counts(0, 0, 0, prompt_tokens_details={"cached_tokens": 0}, **reasoning(0)),
    "words": counts("three", "-2"),
    "negative": counts(-1, -2),
    "truth values": counts(True, True),
    "fractions": counts(1.5, 2.5),
    "not numbers": counts(float("nan"), float("inf")),
    "too many": counts(2**60, 2**60),
    "the total alone": {"total_tokens": 25},
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_document_without_counts_is_no_usage(case: str) -> None:
    assert usage_from_wire(NOTHING[case], has_text=True) is None


def test_an_answer_without_text_may_have_an_output_of_0() -> None:
    assert usage_from_wire(counts(20, 0, 20), has_text=False) == Usage(input_tokens=20, output_tokens=0, accuracy=EXACT)
