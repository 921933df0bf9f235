"""Converts the events of a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.messages import (
    Delta,
    Event,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from llm_relay.wire.codec.answers import finished_from_wire, finished_to_wire
from llm_relay.wire.codec.parts import tool_call_from_wire, tool_call_to_wire


def event_to_wire(event: Event) -> pb.StreamProcessResponse:
    match event:
        case Delta():
            delta = pb.Delta(text=event.text, index=event.index)
            return pb.StreamProcessResponse(sequence=event.sequence, delta=delta)
        case ReasoningDelta():
            return pb.StreamProcessResponse(sequence=event.sequence, reasoning_delta=_reasoning_to_wire(event))
        case RefusalDelta():
            refusal = pb.RefusalDelta(index=event.index, text=event.text)
            return pb.StreamProcessResponse(sequence=event.sequence, refusal_delta=refusal)
        case ToolCallStarted():
            call = pb.ToolCallStarted(index=event.index, id=event.id, name=event.name)
            return pb.StreamProcessResponse(sequence=event.sequence, tool_call_started=call)
        case ToolCallDelta():
            more = pb.ToolCallDelta(index=event.index, arguments=event.arguments)
            return pb.StreamProcessResponse(sequence=event.sequence, tool_call_delta=more)
        case ToolCallFinished():
            return pb.StreamProcessResponse(sequence=event.sequence, tool_call_finished=_call_to_wire(event))
        case Started():
            started = pb.Started(request_id=event.request_id, model=event.model, provider=event.provider)
            return pb.StreamProcessResponse(sequence=event.sequence, started=started)
        case Finished():
            return pb.StreamProcessResponse(sequence=event.sequence, finished=finished_to_wire(event))


def event_from_wire(response: pb.StreamProcessResponse) -> Event | None:
    """Returns None for an event that this version does not know."""
    name = response.WhichOneof("event")
    return _FROM_WIRE[name](getattr(response, name), response.sequence) if name else None


def _delta_from_wire(delta: pb.Delta, sequence: int) -> Delta:
    return Delta(text=delta.text, index=delta.index, sequence=sequence)


def _reasoning_to_wire(delta: ReasoningDelta) -> pb.ReasoningDelta:
    return pb.ReasoningDelta(
        index=delta.index, text=delta.text, signature=delta.signature, redacted=delta.redacted, id=delta.id
    )


def _reasoning_from_wire(delta: pb.ReasoningDelta, sequence: int) -> ReasoningDelta:
    return ReasoningDelta(
        index=delta.index,
        text=delta.text,
        signature=delta.signature,
        redacted=delta.redacted,
        id=delta.id,
        sequence=sequence,
    )


def _refusal_from_wire(delta: pb.RefusalDelta, sequence: int) -> RefusalDelta:
    return RefusalDelta(index=delta.index, text=delta.text, sequence=sequence)


def _call_started_from_wire(started: pb.ToolCallStarted, sequence: int) -> ToolCallStarted:
    return ToolCallStarted(index=started.index, id=started.id, name=started.name, sequence=sequence)


def _call_delta_from_wire(delta: pb.ToolCallDelta, sequence: int) -> ToolCallDelta:
    return ToolCallDelta(index=delta.index, arguments=delta.arguments, sequence=sequence)


def _call_to_wire(finished: ToolCallFinished) -> pb.ToolCallFinished:
    return pb.ToolCallFinished(
        index=finished.index, call=tool_call_to_wire(finished.call), arguments_valid=finished.arguments_valid
    )


def _call_finished_from_wire(finished: pb.ToolCallFinished, sequence: int) -> ToolCallFinished:
    return ToolCallFinished(
        index=finished.index,
        call=tool_call_from_wire(finished.call),
        arguments_valid=finished.arguments_valid,
        sequence=sequence,
    )


def _started_from_wire(started: pb.Started, sequence: int) -> Started:
    return Started(request_id=started.request_id, model=started.model, provider=started.provider, sequence=sequence)


_FROM_WIRE: dict[str, Callable[[Any, int], Event]] = {
    "delta": _delta_from_wire,
    "started": _started_from_wire,
    "finished": finished_from_wire,
    "reasoning_delta": _reasoning_from_wire,
    "refusal_delta": _refusal_from_wire,
    "tool_call_started": _call_started_from_wire,
    "tool_call_delta": _call_delta_from_wire,
    "tool_call_finished": _call_finished_from_wire,
}
