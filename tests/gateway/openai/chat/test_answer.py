"""A whole answer becomes a chat completion that loses nothing of it."""

import base64
from typing import Any

import pytest

from gateway.openai.chat.answer import completion_document
from gateway.openai.chat.stream import ChatLines
from llm_relay.messages import Answer, FinishReason, Part, Reasoning, Refusal, TextPart, ToolCall
from tests.gateway.openai.events import STARTED, finished

CALL = ToolCall(id="c1", name="a", arguments_json='{"x": 9007199254740993}')
FINISH_REASONS = {
    FinishReason.STOP: "stop",
    FinishReason.OTHER: "stop",
    FinishReason.REFUSAL: "stop",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.LENGTH: "length",
    FinishReason.CONTEXT_EXCEEDED: "length",
    FinishReason.CANCELLED: "length",
    FinishReason.MALFORMED_OUTPUT: "length",
}


def choice_of(*parts: Part, text: str = "", reason: FinishReason = FinishReason.STOP) -> dict[str, Any]:
    answer = Answer(request_id="r-1", text=text, provider="mock", finished=finished(reason), parts=parts)
    (choice,) = completion_document(answer, 7)["choices"]
    return dict(choice)


@pytest.mark.parametrize("reason", FinishReason)
def test_a_finish_reason_is_the_same_whole_and_streamed(reason: FinishReason) -> None:
    assert choice_of(text="Hi", reason=reason)["finish_reason"] == FINISH_REASONS[reason]
    lines = ChatLines("r-1", 7, include_usage=False)
    lines.event(STARTED)
    assert f'"finish_reason":"{FINISH_REASONS[reason]}"'.encode() in lines.event(finished(reason))


@pytest.mark.parametrize(
    ("parts", "content", "refusal"),
    [
        ((), "", None),
        ((TextPart(text="Hel"), TextPart(text="lo")), "Hello", None),
        ((Refusal(text="No"),), None, "No"),
        ((TextPart(text="Hi"), Refusal(text="No")), "Hi", "No"),
        ((CALL,), None, None),
        ((TextPart(text="Hi"), CALL), "Hi", None),
    ],
)
def test_content_is_null_only_if_something_else_was_said(
    parts: tuple[Part, ...], content: str | None, refusal: str | None
) -> None:
    message = choice_of(*parts)["message"]
    assert (message["content"], message["refusal"]) == (content, refusal)
    assert ("tool_calls" in message) == (CALL in parts)


def test_calls_and_reasoning_are_whole_and_in_order() -> None:
    signed = Reasoning(text="hm", signature=b"s", id="t")
    hidden = Reasoning(redacted=b"r", provider="bedrock")
    message = choice_of(signed, CALL, hidden, ToolCall(id="c2", name="b", arguments_json="{}"))["message"]
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "a", "arguments": CALL.arguments_json}},
        {"id": "c2", "type": "function", "function": {"name": "b", "arguments": "{}"}},
    ]
    assert message["reasoning_content"] == "hm"
    signature, data = (base64.b64encode(raw).decode() for raw in (b"s", b"r"))
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "hm", "signature": signature, "id": "t", "format": "mock"},
        {"type": "reasoning.encrypted", "index": 2, "data": data, "format": "bedrock"},
    ]
