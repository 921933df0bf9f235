"""Usage in every place and form, with every kind of sum, and answers without it."""

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import ESTIMATED, EXACT, NOT_EXACT, CallResult, OneOf, Within, answered
from tests.field.wire import (
    CHUNK_HEAD,
    DONE,
    GOOD,
    HELLO,
    chunk,
    completion,
    event,
    finish,
    stream,
    text,
    usage_event,
    whole,
)

pytestmark = pytest.mark.anyio


def counts(prompt: object = 8, completion: object = 3, total: object = ..., **more: object) -> dict[str, object]:
    """Makes a usage. Its total is the sum unless given; None leaves it out."""
    if total is ...:
        total = prompt + completion  # type: ignore[operator]
    totals = {} if total is None else {"total_tokens": total}
    return {"prompt_tokens": prompt, "completion_tokens": completion, **totals, **more}


def both(usage: object, **facts: object) -> tuple[Case, Case]:
    """Makes a case of a stream and one of a whole answer."""
    expected = answered(**facts)
    return case(stream(HELLO, finish(), usage_event(usage), DONE), expected), case(
        whole(completion(usage=usage)), expected
    )


INSIDE = counts(20, 305, completion_tokens_details={"reasoning_tokens": 300})
ON_TOP = counts(20, 5, 325, completion_tokens_details={"reasoning_tokens": 300})
ESTIMATE: dict[str, object] = {"accuracy": ESTIMATED, "input": Within(1, 20), "output": Within(1, 5)}
THIRTY_SEVEN = "Thirty-seven characters, one an event"
LONG = "The quick brown fox jumps over the lazy dog. " * 20

USAGES: dict[str, tuple[Case, Case]] = {
    "counted": both(counts(), input=8, output=3, accuracy=EXACT, cost=None),
    "no total": both(counts(total=None), input=8, output=3, accuracy=EXACT),
    "reasoning inside": both(INSIDE, input=20, output=305, reasoning=300, accuracy=EXACT),
    "reasoning on top": both(ON_TOP, input=20, output=305, reasoning=300, accuracy=EXACT),
    "reasoning on top, beside the counts": both(
        counts(20, 5, 325, reasoning_tokens=300), input=20, output=305, accuracy=OneOf(EXACT, ESTIMATED)
    ),
    "reasoning on top, without a name": both(counts(20, 5, 325), output=OneOf(305, 5), input=20),
    "a total that contradicts its parts": both(
        counts(20, 5, 999, completion_tokens_details={"reasoning_tokens": 3}), accuracy=NOT_EXACT
    ),
    "a total that is less than its parts": both(counts(20, 5, 12), accuracy=NOT_EXACT),
    "only zeros": both(counts(0, 0, 0), **ESTIMATE),
    "only zeros and no total": both(counts(0, 0, None), **ESTIMATE),
    "no output counted": both(counts(8, 0, 8), accuracy=NOT_EXACT, output=Within(1, 5)),
    "no input counted": both(counts(0, 3, 3), accuracy=NOT_EXACT, input=Within(1, 20)),
    "only the input": both(
        {"prompt_tokens": 8, "total_tokens": 8}, accuracy=NOT_EXACT, output=OneOf(None, Within(1, 5))
    ),
    "null": both(None, **ESTIMATE),
    "empty": both({}, **ESTIMATE),
    "a list": both([], **ESTIMATE),
    "nulls": both(counts(None, None, None), **ESTIMATE),
    "negative": both(counts(-1, -1, -2), **ESTIMATE),
    "negative output": both(counts(8, -1, 7), accuracy=NOT_EXACT),
    "absurd": both(counts(8, 2**63, None), accuracy=NOT_EXACT),
    "absurd, but within 64 bits": both(counts(8, 10**12, None), accuracy=NOT_EXACT, output=Within(1, 5)),
    "whole numbers as decimals": both(counts(8.0, 3.0), input=8, output=3),
    "numbers as texts": both(counts("8", "3", "11"), input=8, output=3, accuracy=EXACT),
    "words as numbers": both(counts("eight", "3.5", None), **ESTIMATE),
    "parts of a number": both(counts(8.5, 3.2, 11.7), accuracy=NOT_EXACT),
    "cached, as a text": both(counts(prompt_tokens_details={"cached_tokens": "4"}), input=8, cached=4, accuracy=EXACT),
    "cached beside the input, as Anthropic reports": both(
        {"input_tokens": 8, "output_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20},
        input=128,
        output=3,
        cached=100,
        accuracy=EXACT,
    ),
    "a total that is off by one": both(counts(8, 3, 12), accuracy=NOT_EXACT),
    "a total of zero": both(counts(8, 3, 0), input=8, output=3),
    "cached, as OpenAI reports": both(
        counts(prompt_tokens_details={"cached_tokens": 4}), input=8, cached=4, accuracy=EXACT
    ),
    "cached, as DeepSeek reports": both(
        counts(prompt_cache_hit_tokens=4, prompt_cache_miss_tokens=4), input=8, cached=4, accuracy=EXACT
    ),
    "cached, as Moonshot reports": both(counts(cached_tokens=4), input=8, cached=4, accuracy=EXACT),
    "cached, beside OpenAI's report": both(
        counts(cached_tokens=4, prompt_tokens_details={"cached_tokens": 4}), input=8, cached=4, accuracy=EXACT
    ),
    "cached, as Mistral reports": both(counts(num_cached_tokens=4), input=8, cached=4, accuracy=EXACT),
    "cached, in details under another name": both(
        counts(prompt_token_details={"cached_tokens": 4}), input=8, cached=4, accuracy=EXACT
    ),
    "cached and written, as LiteLLM reports for Anthropic": both(
        counts(128, 3, cache_creation_input_tokens=20, cache_read_input_tokens=100),
        input=128,
        cached=100,
        accuracy=EXACT,
    ),
    "names in camel case": both({"promptTokens": 8, "completionTokens": 3, "totalTokens": 11}, input=8, output=3),
    "details that are null": both(
        counts(prompt_tokens_details=None, completion_tokens_details=None), input=8, output=3, accuracy=EXACT
    ),
    "more cached than input": both(counts(prompt_tokens_details={"cached_tokens": 99}), accuracy=NOT_EXACT),
    "names of the responses API": both(
        {"input_tokens": 8, "output_tokens": 3, "total_tokens": 11}, input=8, output=3, accuracy=EXACT
    ),
    "unknown members": both(counts(queue_time=0.1, cost=0.5, num_sources_used=0), input=8, output=3, accuracy=EXACT),
}

GEMINI = {"promptTokenCount": 8, "candidatesTokenCount": 3, "thoughtsTokenCount": 2} | {
    "totalTokenCount": 13,
    "cachedContentTokenCount": 4,
}
GROQ = {"id": "req_1", "usage": counts()}
CASES: dict[str, Case] = {
    **{f"{name}, streamed": streamed for name, (streamed, _) in USAGES.items()},
    **{f"{name}, whole": one for name, (_, one) in USAGES.items()},
    "within the choice": case(
        stream(
            HELLO,
            event({**CHUNK_HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": counts()}]}),
            DONE,
        ),
        answered(input=8, output=3, accuracy=EXACT),
    ),
    "within the choice and after it": case(
        stream(
            HELLO,
            event({**CHUNK_HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": counts()}]}),
            usage_event(),
            DONE,
        ),
        answered(input=8, output=3, accuracy=EXACT),
    ),
    "within the delta": case(
        stream(HELLO, event(chunk({"usage": counts()}, "stop")), DONE), answered(input=8, output=3, accuracy=EXACT)
    ),
    "in Gemini's own form": case(
        stream(HELLO, finish(usageMetadata=GEMINI), DONE), answered(input=8, output=5, reasoning=2, cached=4)
    ),
    "in llama.cpp's timings": case(
        stream(HELLO, finish(timings={"cache_n": 4, "prompt_n": 4, "prompt_ms": 1.5, "predicted_n": 3}), DONE),
        answered(input=8, output=3, cached=4, accuracy=EXACT),
    ),
    "in llama.cpp's older timings, without the cache": case(
        stream(HELLO, finish(timings={"prompt_n": 4, "predicted_n": 3}), DONE),
        answered(output=3, accuracy=NOT_EXACT),
    ),
    "in Ollama's own form": case(
        stream(HELLO, finish(prompt_eval_count=8, eval_count=3), DONE), answered(input=8, output=3)
    ),
    "within Groq's member": case(stream(HELLO, finish(x_groq=GROQ), DONE), answered(input=8, output=3, accuracy=EXACT)),
    "with the finish reason": case(
        stream(HELLO, finish(usage=counts()), DONE), answered(input=8, output=3, accuracy=EXACT)
    ),
    "with the finish reason, then null": case(
        stream(HELLO, finish(usage=counts()), event({**CHUNK_HEAD, "choices": [], "usage": None}), DONE),
        answered(input=8, output=3, accuracy=EXACT),
    ),
    "with the finish reason, then zeros": case(
        stream(HELLO, finish(usage=counts()), usage_event(counts(0, 0)), DONE),
        answered(input=8, output=3),
        answered(**ESTIMATE),
    ),
    "in every chunk, growing": case(
        stream(text("Hel", usage=counts(8, 1)), text("lo", usage=counts(8, 2)), finish(usage=counts(8, 3)), DONE),
        answered(input=8, output=3, accuracy=EXACT),
    ),
    "null in every chunk but one": case(
        stream(GOOD.replace(b'"object"', b'"usage":null,"object"', 3)), answered(input=8, output=3, accuracy=EXACT)
    ),
    "of the prompt first, of the output last": case(
        stream(
            text("", usage=counts(8, 0, 8)),
            HELLO,
            finish(),
            usage_event({"completion_tokens": 3, "total_tokens": 11}),
            DONE,
        ),
        answered(input=8, output=3, accuracy=EXACT),
    ),
    "of the prompt first, with zero beside the output": case(
        stream(text("", usage=counts(8, 0, 8)), HELLO, finish(), usage_event(counts(0, 3, 3)), DONE),
        answered(input=8, output=3),
    ),
    "of the output at the end, of the prompt after it": case(
        stream(HELLO, finish(usage={"completion_tokens": 3}), usage_event({"prompt_tokens": 8}), DONE),
        answered(input=8, output=3, accuracy=EXACT),
    ),
    "of the output before the last text, of the prompt after it": case(
        stream(
            text("Hel", usage={"completion_tokens": 1}), text("lo"), finish(), usage_event({"prompt_tokens": 8}), DONE
        ),
        answered(input=8, accuracy=NOT_EXACT),
    ),
    "before the finish reason": case(
        stream(HELLO, usage_event(), finish(), DONE), answered(input=8, output=3, accuracy=EXACT)
    ),
    "before all text": case(stream(usage_event(), HELLO, finish(), DONE), answered()),
    "without choices": case(
        stream(HELLO, finish(), event({"id": "c1", "object": "chat.completion.chunk", "usage": counts()}), DONE),
        answered(input=8, output=3, accuracy=EXACT),
    ),
    "none": case(stream(HELLO, finish(), DONE), answered(**ESTIMATE)),
    "none, one character per event": case(
        stream(b"".join(text(letter) for letter in THIRTY_SEVEN), finish(), DONE),
        answered(THIRTY_SEVEN, accuracy=ESTIMATED, output=Within(5, 15)),
    ),
    "none, many words in one event": case(
        stream(text(LONG), finish(), DONE), answered(LONG, accuracy=ESTIMATED, output=Within(135, 300))
    ),
    "none, with visible reasoning": case(
        stream(event(chunk({"reasoning_content": LONG})), HELLO, finish(), DONE),
        answered(accuracy=ESTIMATED, output=Within(135, 300)),
    ),
    "a model of OpenAI at another server": case(
        stream(GOOD.replace(b'"model":"m"', b'"model":"gpt-4o"')), answered(model="gpt-4o", accuracy=EXACT, cost=None)
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_usage_is_counted_or_marked_as_estimated(name: str, results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], results[name])
