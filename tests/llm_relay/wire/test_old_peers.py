"""Programs that were built before content was added still work with this version, and it with them."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.messages import (
    Delta,
    Finished,
    FinishReason,
    Prompt,
    ReasoningDelta,
    RefusalDelta,
    Role,
    Started,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Turn,
)
from llm_relay.wire import codec
from tests.llm_relay.wire.test_codec import finished

FIRST_FIELDS = {
    "Turn": 2,
    "ProcessRequest": 7,
    "ProcessResponse": 9,
    "Delta": 1,
    "Finished": 6,
    "StreamProcessResponse": 4,
    "ListModelsResponse": 4,
}
"""The last field's number in the first version of each message that has grown; other messages are unchanged or new."""
FIRST_ROLES = 2
FIRST_FINISH_REASONS = 5


@pytest.fixture(scope="module")
def old() -> dict[str, Any]:
    """Returns the message classes of the first version, built from today's contract without later fields."""
    contract = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(contract)
    del contract.service[:]
    for message in contract.message_type:
        last = FIRST_FIELDS.get(message.name, 1000)
        kept = [field for field in message.field if field.number <= last or field.number in (16, 17)]
        del message.field[:]
        message.field.extend(kept)
    _keep(contract, "Role", FIRST_ROLES)
    _keep(contract, "FinishReason", FIRST_FINISH_REASONS)
    pool = descriptor_pool.DescriptorPool()
    for dependency in pb.DESCRIPTOR.dependencies:
        copied = descriptor_pb2.FileDescriptorProto()
        dependency.CopyToProto(copied)
        pool.Add(copied)
    pool.Add(contract)
    names = [message.name for message in contract.message_type]
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"relay.v1.{name}")) for name in names}


def _keep(contract: descriptor_pb2.FileDescriptorProto, name: str, last: int) -> None:
    enum = next(enum for enum in contract.enum_type if enum.name == name)
    kept = [value for value in enum.value if value.number <= last]
    del enum.value[:]
    enum.value.extend(kept)


PROMPT = Prompt(
    message="Hi 👋",
    context="Be short",
    history=(Turn(role=Role.USER, text="a"), Turn(role=Role.ASSISTANT, text="b")),
    model="m",
    temperature=0.0,
    max_tokens=1,
    request_id="id-1",
)


@pytest.mark.parametrize("name", ["ProcessRequest", "StreamProcessRequest"])
def test_an_old_clients_request_is_read_as_before(old: dict[str, Any], name: str) -> None:
    request = old[name](
        message="Hi 👋", context="Be short", model="m", temperature=0.0, max_tokens=1, request_id="id-1"
    )
    request.history.add(role=1, text="a")
    request.history.add(role=2, text="b")
    assert codec.prompt_from_wire(codec.parse(getattr(pb, name), request.SerializeToString())) == PROMPT


def test_a_new_clients_request_of_text_has_the_same_bytes_as_an_old_ones(old: dict[str, Any]) -> None:
    sent = codec.prompt_to_wire(PROMPT, pb.ProcessRequest).SerializeToString(deterministic=True)
    assert old["ProcessRequest"].FromString(sent).SerializeToString(deterministic=True) == sent


def test_an_old_client_gets_the_text_and_the_end_of_a_stream_with_content(old: dict[str, Any]) -> None:
    end = codec.finished_to_wire(finished(reason=FinishReason.TOOL_CALLS))
    call = ToolCall(id="c1", name="f")
    events = [
        codec.event_to_wire(event)
        for event in (
            Started(request_id="id-1", model="m", provider="mock"),
            ReasoningDelta(index=0, text="hm", sequence=2),
            Delta(index=1, text="Hi", sequence=3),
            ToolCallStarted(index=2, id="c1", name="f", sequence=4),
            ToolCallDelta(index=2, arguments="{}", sequence=5),
            ToolCallFinished(index=2, call=call, arguments_valid=True, sequence=6),
            RefusalDelta(index=3, text="No.", sequence=7),
        )
    ]
    received = [old["StreamProcessResponse"].FromString(event.SerializeToString()) for event in events]
    assert [event.WhichOneof("event") for event in received] == ["started", None, "delta", None, None, None, None]
    assert [event.sequence for event in received] == [1, 2, 3, 4, 5, 6, 7]
    assert received[2].delta.text == "Hi"
    assert old["Finished"].FromString(end.SerializeToString()).model == "m"


def test_an_old_servers_answer_is_read_as_before(old: dict[str, Any]) -> None:
    answer = codec.answer_from_wire(
        pb.ProcessResponse.FromString(old["ProcessResponse"](text="Hi").SerializeToString())
    )
    assert (answer.text, answer.parts, answer.finished.service_tier) == ("Hi", (), "")
    delta = old["StreamProcessResponse"](sequence=2)
    delta.delta.text = "Hi"
    event = codec.event_from_wire(pb.StreamProcessResponse.FromString(delta.SerializeToString()))
    assert event == Delta(text="Hi", sequence=2, index=0)
    end = codec.finished_from_wire(pb.Finished.FromString(old["Finished"](model="m").SerializeToString()))
    assert isinstance(end, Finished)
