"""A stream's events become the events of a response."""

import json
from typing import Any

import orjson
import pytest

from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.errors import BadParam
from gateway.openai.responses.answer import response_document, response_frame
from gateway.openai.responses.items import conversation_messages
from gateway.openai.responses.prompt import refuse_stateful, responses_prompt
from gateway.openai.responses.stream import ResponseLines
from llm_relay.errors import ProviderProtocol
from llm_relay.messages import (
    Answer,
    Delta,
    Event,
    FinishReason,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
)
from tests.gateway.openai.events import STARTED, call, finished, thought

BODY = ResponsesBody.model_validate({"model": "m", "input": "Hello"})


def events(*given: Event, failure: ProviderProtocol | None = None) -> list[dict[str, Any]]:
    writer = ResponseLines(BODY, "r-1", 7.5)
    written = b"".join(writer.event(event) for event in given) + (writer.failure(failure) if failure else b"")
    found = []
    for block in written.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    assert [one["sequence_number"] for one in found] == [*range(len(found))]
    return found


def test_text_opens_fills_and_closes_a_message() -> None:
    found = events(STARTED, Delta(text="Hel", sequence=2), Delta(text="lo", sequence=3), finished())
    assert [one["type"] for one in found] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [one["delta"] for one in found if "delta" in one] == ["Hel", "lo"]
    assert found[6]["text"] == "Hello"
    response = found[-1]["response"]
    assert (response["id"], response["status"], response["created_at"]) == ("resp_r-1", "completed", 7)
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert response["usage"]["total_tokens"] == 6
    assert response["relay"]["provider"] == "mock"


def test_reasoning_calls_and_text_are_items_in_order() -> None:
    found = events(
        STARTED,
        thought("hm"),
        thought("", b"s"),
        Delta(text="Hi", index=1, sequence=3),
        *call(2, "a", '{"x":', "1}"),
        *call(3, "b", "{}"),
        finished(FinishReason.TOOL_CALLS),
    )
    output = found[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert output[2]["arguments"] == '{"x":1}'
    assert {item["status"] for item in output[1:]} == {"completed"}
    done = [one["output_index"] for one in found if one["type"] == "response.output_item.done"]
    assert done == [0, 1, 2, 3]


def test_reasoning_that_continues_after_a_call_began_is_a_separate_item() -> None:
    begun, *rest = call(1, "a", "{}")
    given = (thought("hm", identifier="rs_1"), begun, thought("oh", identifier="rs_1"), *rest, thought("ah"))
    found = events(STARTED, *given, finished(FinishReason.TOOL_CALLS))
    output = found[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "function_call", "reasoning"]
    assert [item["summary"][0]["text"] for item in output if item["type"] == "reasoning"] == ["hm", "ohah"]
    assert output[0]["id"] == "rs_1"
    assert len({item["id"] for item in output}) == 3
    added = [one["item"]["id"] for one in found if one["type"] == "response.output_item.added"]
    assert added == [item["id"] for item in output]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([thought("hm"), thought("", b"s:i:g")], {"text": "hm", "signature": b"s:i:g"}),
        ([thought("", b"s")], {"signature": b"s"}),
        ([ReasoningDelta(index=0, redacted=b"r:e:d", sequence=2)], {"redacted": b"r:e:d"}),
    ],
    ids=["signed", "only a signature", "redacted"],
)
def test_reasoning_makes_the_round_trip(given: list[Event], expected: dict[str, Any]) -> None:
    item = events(STARTED, *given, finished())[-1]["response"]["output"][0]
    (message,) = conversation_messages(None, ResponsesBody.model_validate({"model": "m", "input": [item]}).input)
    assert message.parts == [Reasoning(**expected, provider="mock", id=item["id"])]


def test_a_refusal_is_a_message() -> None:
    found = events(STARTED, RefusalDelta(index=0, text="No", sequence=2), finished(FinishReason.REFUSAL))
    assert found[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No"}]


INCOMPLETE = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTEXT_EXCEEDED: "max_output_tokens",
    FinishReason.MALFORMED_OUTPUT: "max_output_tokens",
    FinishReason.CANCELLED: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}


@pytest.mark.parametrize("reason", FinishReason)
def test_an_answer_is_completed_only_if_nothing_is_missing(reason: FinishReason) -> None:
    why = INCOMPLETE.get(reason)
    status = "incomplete" if why else "completed"
    last = events(STARTED, Delta(text="Hi", sequence=2), finished(reason))[-1]
    assert last["type"] == f"response.{status}"
    answer = Answer(request_id="r-1", text="Hi", provider="mock", finished=finished(reason))
    for response in (last["response"], response_document(answer, BODY, 7.5)):
        assert (response["status"], response["output"][0]["status"]) == (status, status)
        assert response["incomplete_details"] == ({"reason": why} if why else None)
        assert (response["completed_at"] is None) == (why is not None)


def test_a_whole_response_is_the_last_event_of_a_streamed_one() -> None:
    pieces = (thought("hm"), thought("", b"s"), Delta(text="Hi", index=1, sequence=3), *call(2, "a", '{"x":', "1}"))
    refusal, last = RefusalDelta(index=3, text="No", sequence=8), finished(FinishReason.TOOL_CALLS)
    parts = (
        Reasoning(text="hm", signature=b"s"),
        TextPart(text="Hi"),
        ToolCall(id="c2", name="a", arguments_json='{"x":1}'),
        Refusal(text="No"),
    )
    answer = Answer(request_id="r-1", text="Hi", provider="mock", finished=last, parts=parts)
    streamed = events(STARTED, *pieces, refusal, last)[-1]["response"]
    assert json.loads(orjson.dumps(response_document(answer, BODY, 7.5))) == streamed


def test_a_signature_that_arrives_in_pieces_is_whole() -> None:
    whole, pieces = [thought("", b"sig")], [thought("", b"s"), thought("", b"ig")]
    one, other = (events(STARTED, thought("hm"), *signed, finished())[-1] for signed in (whole, pieces))
    assert one["response"]["output"] == other["response"]["output"]


def test_a_failure_is_an_event_and_the_last_one() -> None:
    last = events(STARTED, Delta(text="Hi", sequence=2), failure=ProviderProtocol())[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"]["code"] == "server_error"
    assert last["response"]["relay"]["reason"] == "PROVIDER_PROTOCOL"


def test_a_failure_before_the_first_event_follows_the_opening_events() -> None:
    found = events(failure=ProviderProtocol())
    assert [one["type"] for one in found] == ["response.created", "response.in_progress", "response.failed"]


def test_echoed_parameters_can_always_be_written() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "maximum": 99999999999999999999}}
    text = {"format": {"type": "json_schema", "name": "s", "schema": {"maximum": 99999999999999999999}, "x": "\ud800"}}
    choice = {"type": "function", "name": "f", "x": "\ud800"}
    given = {"model": "m", "input": "Hi", "tools": [tool], "text": text, "tool_choice": choice}
    frame = orjson.dumps(response_frame(ResponsesBody.model_validate(given), "r-1", "m", 7))
    assert frame.count(b"99999999999999999999") == 2


def test_input_items_become_turns() -> None:
    body = ResponsesBody.model_validate(
        {
            "model": "m",
            "instructions": "Be kind",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hm"}]},
                {"type": "function_call", "call_id": "c1", "name": "a", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "42"},
            ],
            "store": True,
        }
    )
    asked = responses_prompt(body, "r-1")
    assert (asked.prompt.context, asked.ignored) == ("Be kind", ("store",))
    assert [turn.role for turn in asked.prompt.history] == [Role.USER, Role.ASSISTANT]
    assert asked.prompt.history[1].parts == (TextPart(text="Hm"), ToolCall(id="c1", name="a", arguments_json="{}"))
    assert asked.prompt.parts == (ToolResult(tool_call_id="c1", content=(TextPart(text="42"),)),)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"previous_response_id": "x"}, "previous_response_id"),
        ({"conversation": "x"}, "conversation"),
        ({"background": True}, "background"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ],
)
def test_parameters_that_need_state_are_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadParam) as raised:
        refuse_stateful(body)
    assert raised.value.param == param
