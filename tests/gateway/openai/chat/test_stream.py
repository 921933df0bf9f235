"""A stream's events become chat completion chunks."""

import json
from typing import Any

import pytest

from gateway.openai.chat.stream import ChatLines
from llm_relay.messages import Delta, Event, FinishReason, RefusalDelta
from tests.gateway.openai.events import STARTED, call, finished, thought


def chunks(*events: Event, include_usage: bool = False) -> list[Any]:
    """Returns the documents that are written; the last line must be the end mark."""
    writer = ChatLines("r-1", 7, include_usage=include_usage)
    lines = b"".join(writer.event(event) for event in events).decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def test_text_has_a_role_first_and_a_finish_reason_last() -> None:
    found = chunks(STARTED, Delta(text="Hel\n", sequence=2), Delta(text="lo", sequence=3), finished())
    assert {(one["id"], one["object"], one["created"], one["model"]) for one in found} == {
        ("chatcmpl-r-1", "chat.completion.chunk", 7, "m")
    }
    deltas = [one["choices"][0]["delta"] for one in found]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hel\n"}, {"content": "lo"}, {}]
    assert [one["choices"][0]["finish_reason"] for one in found] == [None, None, None, "stop"]
    assert found[-1]["relay"] == {
        "request_id": "r-1",
        "provider": "mock",
        "price_source": "list",
        "finish_reason": "stop",
    }
    assert all("usage" not in one for one in found)


def test_a_stream_that_was_stopped_before_its_start_has_a_role_too() -> None:
    first, last = chunks(finished(FinishReason.CANCELLED))
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert last["choices"][0]["finish_reason"] == "length"


def test_usage_comes_last_if_requested() -> None:
    *others, last = chunks(STARTED, Delta(text="Hi", sequence=2), finished(), include_usage=True)
    assert all(one["usage"] is None for one in others)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 6
    assert last["usage"]["cost"] == 0.000005
    assert last["usage"]["completion_tokens_details"] == {"reasoning_tokens": 1}


def test_unknown_usage_is_null() -> None:
    assert chunks(STARTED, finished(tokens=None), include_usage=True)[-1]["usage"] is None


def test_tool_calls_are_numbered_among_themselves() -> None:
    given = [STARTED, thought("hm"), *call(1, "a", '{"x"', ":1}"), *call(2, "b", "{}")]
    found = chunks(*given, finished(FinishReason.TOOL_CALLS))
    deltas = [one["choices"][0]["delta"] for one in found]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert [one["index"] for one in calls] == [0, 0, 0, 1, 1]
    assert calls[0] == {"index": 0, "id": "c1", "type": "function", "function": {"name": "a", "arguments": ""}}
    assert "".join(one["function"]["arguments"] for one in calls[:3]) == '{"x":1}'
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_reasoning_and_refusal_have_members_of_their_own() -> None:
    found = chunks(STARTED, thought("hm"), thought("", b"s"), RefusalDelta(index=1, text="No", sequence=4), finished())
    deltas = [one["choices"][0]["delta"] for one in found]
    assert deltas[1]["reasoning_content"] == "hm"
    assert deltas[2]["reasoning_details"][0]["signature"] == "cw=="
    assert "reasoning_content" not in deltas[2]
    assert deltas[3] == {"refusal": "No"}


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (FinishReason.STOP, "stop"),
        (FinishReason.OTHER, "stop"),
        (FinishReason.REFUSAL, "stop"),
        (FinishReason.LENGTH, "length"),
        (FinishReason.CANCELLED, "length"),
        (FinishReason.CONTEXT_EXCEEDED, "length"),
        (FinishReason.MALFORMED_OUTPUT, "length"),
        (FinishReason.CONTENT_FILTER, "content_filter"),
        (FinishReason.TOOL_CALLS, "tool_calls"),
    ],
)
def test_an_incomplete_answer_never_says_stop(reason: FinishReason, word: str) -> None:
    assert chunks(STARTED, finished(reason))[-1]["choices"][0]["finish_reason"] == word


def test_a_call_that_was_cancelled_before_it_began_has_its_role_too() -> None:
    assert chunks(finished(FinishReason.CANCELLED))[-1]["id"] == "chatcmpl-r-1"
