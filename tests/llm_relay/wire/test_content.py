"""Content keeps every byte across the wire, and a request with unknown content is refused."""

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, given, settings

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.errors import InvalidRequest
from llm_relay.messages import (
    MAX_PARTS,
    MAX_TOOLS,
    NO_OPTIONS,
    Answer,
    Event,
    Finished,
    Options,
    Part,
    Prompt,
    ResponseFormat,
    Sampling,
    Tool,
    ToolCall,
    ToolChoice,
)
from llm_relay.wire import codec
from tests.support.prompts import events, finishes, output_parts, prompts

A_PART_OF_ANOTHER_KIND = b"\xca\x0c\x01x"
"""Field 201, of a kind that this version does not know."""

thorough = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@given(prompts())
@thorough
def test_a_prompt_survives_whole_in_both_requests(prompt: Prompt) -> None:
    whole = codec.prompt_to_wire(prompt, pb.ProcessRequest).SerializeToString()
    assert codec.prompt_from_wire(codec.parse(pb.ProcessRequest, whole)) == prompt
    streamed = codec.prompt_to_wire(prompt, pb.StreamProcessRequest).SerializeToString()
    assert codec.prompt_from_wire(codec.parse(pb.StreamProcessRequest, streamed)) == prompt


def test_an_option_of_zero_or_false_is_not_an_absent_one() -> None:
    options = Options(
        tools=(Tool(name="time", input_schema_json='{"type":"object"}', strict=False),),
        tool_choice=ToolChoice(parallel=False),
        response_format=ResponseFormat(strict=False),
        sampling=Sampling(top_p=0, seed=0, frequency_penalty=0, presence_penalty=0),
        max_cost_nano_usd=0,
    )
    sent = codec.prompt_to_wire(Prompt(message="Hi", options=options), pb.ProcessRequest).SerializeToString()
    assert codec.prompt_from_wire(codec.parse(pb.ProcessRequest, sent)).options == options


@given(events)
@thorough
def test_an_event_survives_whole(event: Event) -> None:
    sent = codec.event_to_wire(event).SerializeToString()
    assert codec.event_from_wire(codec.parse(pb.StreamProcessResponse, sent)) == event


@given(finishes, output_parts)
@thorough
def test_an_answer_survives_whole(finished: Finished, parts: tuple[Part, ...]) -> None:
    answer = Answer(request_id="a", text="Hi", provider="mock", finished=finished, parts=parts)
    received = codec.answer_from_wire(pb.ProcessResponse.FromString(codec.answer_to_wire(answer).SerializeToString()))
    assert (received.text, received.parts) == (answer.text, answer.parts)
    assert codec.finished_to_wire(received.finished) == codec.finished_to_wire(finished)


def test_a_prompt_of_text_alone_has_no_more_bytes_than_before() -> None:
    request = codec.prompt_to_wire(Prompt(message="Hi", temperature=1), pb.ProcessRequest)
    assert request.SerializeToString() == b"\x0a\x02Hi" + b"\x29\x00\x00\x00\x00\x00\x00\xf0\x3f"


def fields_refused(request: pb.ProcessRequest) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        codec.prompt_from_wire(pb.ProcessRequest.FromString(request.SerializeToString()))
    return [violation.field for violation in refused.value.violations]


UNSET, UNKNOWN = pb.Part(), pb.Part.FromString(A_PART_OF_ANOTHER_KIND)


@pytest.mark.parametrize("part", [UNSET, UNKNOWN], ids=["unset", "unknown"])
def test_a_part_of_an_unknown_kind_is_refused_with_its_position(part: pb.Part) -> None:
    turn = pb.Turn(role=pb.ROLE_USER, parts=[pb.Part(text="Hi"), part])
    assert fields_refused(pb.ProcessRequest(message="Hi", history=[turn], parts=[part])) == [
        "history[0].parts[1]",
        "parts[0]",
    ]


@pytest.mark.parametrize(
    "part",
    [UNSET, UNKNOWN, pb.Part(tool_result=pb.ToolResult(tool_call_id="c1"))],
    ids=["unset", "unknown", "tool_result"],
)
def test_a_part_that_no_result_may_have_is_refused_with_its_position(part: pb.Part) -> None:
    call = pb.Turn(role=pb.ROLE_ASSISTANT, parts=[pb.Part(tool_call=pb.ToolCall(id="c1", name="f"))])
    result = pb.Part(tool_result=pb.ToolResult(tool_call_id="c1", content=[part]))
    assert fields_refused(pb.ProcessRequest(history=[call], parts=[result])) == ["parts[0].tool_result.content[0]"]


def _choice(request: pb.ProcessRequest) -> None:
    request.options.tool_choice.mode = 99  # type: ignore[assignment]


def _kind(request: pb.ProcessRequest) -> None:
    request.options.response_format.kind = 99  # type: ignore[assignment]


def _empty_name(request: pb.ProcessRequest) -> None:
    request.options.tool_choice.name = ""


def _empty_thinking(request: pb.ProcessRequest) -> None:
    request.options.thinking.SetInParent()


def _image_without_source(request: pb.ProcessRequest) -> None:
    request.parts.add().image.media_type = "image/png"


def _image_of_no_bytes(request: pb.ProcessRequest) -> None:
    request.parts.add().image.data = b""


def _negative_ttl(request: pb.ProcessRequest) -> None:
    request.parts.add().cache_point.ttl.CopyFrom(Duration(seconds=0, nanos=-1))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_choice, "options.tool_choice.mode"),
        (_kind, "options.response_format.kind"),
        (_empty_name, "options.tool_choice.name"),
        (_empty_thinking, "options.thinking"),
        (_image_without_source, "parts[0].image"),
        (_image_of_no_bytes, "parts[0].image"),
        (_negative_ttl, "parts[0].cache_point.ttl"),
    ],
)
def test_unknown_or_incomplete_content_is_refused_by_name(
    change: Callable[[pb.ProcessRequest], None], field: str
) -> None:
    request = pb.ProcessRequest(message="Hi")
    change(request)
    assert fields_refused(request) == [field]


def test_empty_options_are_the_same_as_none() -> None:
    request = pb.ProcessRequest(message="Hi")
    request.options.tool_choice.mode = pb.ToolChoice.MODE_UNSPECIFIED
    request.options.response_format.kind = pb.ResponseFormat.KIND_UNSPECIFIED
    assert codec.prompt_from_wire(request).options == Options(
        tool_choice=ToolChoice(), response_format=ResponseFormat()
    )
    request.options.Clear()
    assert codec.prompt_from_wire(request).options == NO_OPTIONS


def test_lists_over_their_limits_are_refused_before_they_are_read() -> None:
    many = pb.ProcessRequest(message="Hi", parts=[UNSET] * (MAX_PARTS + 1))
    assert fields_refused(many) == ["parts"]
    turns = pb.ProcessRequest(message="Hi", history=[pb.Turn(parts=[UNSET] * (MAX_PARTS // 2))] * 3)
    assert fields_refused(turns) == ["parts"]
    content = pb.Part(tool_result=pb.ToolResult(content=[UNSET] * MAX_PARTS))
    assert fields_refused(pb.ProcessRequest(message="Hi", parts=[content])) == ["parts"]
    tools = pb.ProcessRequest(message="Hi", options=pb.Options(tools=[pb.Tool()] * (MAX_TOOLS + 1)))
    assert fields_refused(tools) == ["options.tools"]


def test_a_part_of_a_newer_server_is_left_out_of_an_answer() -> None:
    response = pb.ProcessResponse(text="Hi", parts=[pb.Part(text="Hi"), UNKNOWN])
    assert len(codec.answer_from_wire(response).parts) == 1


def test_signatures_and_arguments_keep_every_byte() -> None:
    call = ToolCall(
        id="c1", name="f", arguments_json='{"n":  9007199254740993,\n"a": 1.0}', signature=bytes(range(256))
    )
    answer = pb.ProcessResponse(parts=[pb.Part(tool_call=pb.ToolCall(id="c1", name="f"))])
    answer.parts[0].tool_call.arguments_json = call.arguments_json
    answer.parts[0].tool_call.signature = call.signature
    assert codec.answer_from_wire(answer).parts == (call,)
