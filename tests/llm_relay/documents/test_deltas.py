"""Answers and events with content as JSON."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from llm_relay.documents import DELTA_DOCUMENTS, ContentDelta, answer_document, delta_document, finish_document
from llm_relay.messages import (
    Answer,
    Cost,
    Finished,
    FinishReason,
    Part,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
)

ARGUMENTS = '{"id":  9007199254740993, "x": 1.0}'
CALL = ToolCall(id="c1", name="f", arguments_json=ARGUMENTS)


def finished(service_tier: str = "") -> Finished:
    return Finished(
        finish_reason=FinishReason.TOOL_CALLS,
        model="m",
        usage=Usage(),
        cost=Cost(),
        completed_at=datetime.now(UTC),
        duration_s=1,
        service_tier=service_tier,
    )


def answer(*parts: Part, service_tier: str = "") -> Answer:
    return Answer(request_id="a", text="Hi", provider="mock", finished=finished(service_tier), parts=parts)


@pytest.mark.parametrize(
    ("delta", "name", "data"),
    [
        (ReasoningDelta(index=0, text="hm", sequence=2), "reasoning", {"index": 0, "content": "hm"}),
        (
            ReasoningDelta(index=0, signature=b"s", redacted=b"r", id="i", sequence=2),
            "reasoning",
            {"index": 0, "content": "", "signature": "cw==", "redacted": "cg==", "id": "i"},
        ),
        (RefusalDelta(index=1, text="No.", sequence=2), "refusal", {"index": 1, "content": "No."}),
        (
            ToolCallStarted(index=2, id="c1", name="f", sequence=2),
            "tool_call_started",
            {"index": 2, "id": "c1", "name": "f"},
        ),
        (ToolCallDelta(index=2, arguments="{", sequence=2), "tool_call_delta", {"index": 2, "arguments": "{"}),
        (
            ToolCallFinished(index=2, call=CALL, arguments_valid=True, sequence=2),
            "tool_call_finished",
            {
                "index": 2,
                "call": {"id": "c1", "name": "f", "arguments": {"id": 9007199254740993, "x": 1.0}},
                "arguments_valid": True,
            },
        ),
        (
            ToolCallFinished(
                index=2,
                call=ToolCall(id="c1", name="f", arguments_json="{", signature=b"s"),
                arguments_valid=False,
                sequence=2,
            ),
            "tool_call_finished",
            {
                "index": 2,
                "call": {"id": "c1", "name": "f", "arguments_text": "{", "signature": "cw=="},
                "arguments_valid": False,
            },
        ),
    ],
)
def test_an_event_has_its_name_and_its_data(delta: ContentDelta, name: str, data: dict[str, Any]) -> None:
    assert delta_document(delta) == (name, data)
    TypeAdapter[Any](DELTA_DOCUMENTS[name]).validate_python(data)


def test_arguments_keep_their_text_where_a_serializer_writes_them_unchanged() -> None:
    delta = ToolCallFinished(index=0, call=CALL, arguments_valid=True, sequence=2)
    _, data = delta_document(delta, orjson.Fragment)
    assert f'"arguments":{ARGUMENTS}'.encode() in orjson.dumps(data)
    assert f'"arguments":{ARGUMENTS}'.encode() in orjson.dumps(answer_document(answer(CALL), orjson.Fragment))


def test_arguments_with_numbers_beyond_pythons_limit_are_text() -> None:
    huge = '{"n": ' + "9" * 5000 + "}"
    (part,) = answer_document(answer(ToolCall(id="c1", name="f", arguments_json=huge)))["parts"]
    assert part == {"tool_call": {"id": "c1", "name": "f", "arguments_text": huge}}


def test_an_answer_with_more_than_text_has_its_parts_in_order() -> None:
    parts = (Reasoning(text="hm", signature=b"s", provider="mock"), TextPart(text="Hi"), CALL)
    document = answer_document(answer(*parts))
    assert document["parts"] == [
        {"reasoning": {"text": "hm", "signature": "cw==", "provider": "mock"}},
        {"text": "Hi"},
        {"tool_call": {"id": "c1", "name": "f", "arguments": json.loads(ARGUMENTS)}},
    ]
    assert document["finishReason"] == "tool_calls"


def test_an_answer_of_text_has_no_parts() -> None:
    assert "parts" not in answer_document(answer())


def test_the_service_tier_is_included_if_known() -> None:
    assert answer_document(answer(service_tier="flex"))["serviceTier"] == "flex"
    assert finish_document("a", "mock", finished("flex"))["serviceTier"] == "flex"
    assert "serviceTier" not in answer_document(answer())
    assert "serviceTier" not in finish_document("a", "mock", finished())
