"""Converts whole answers, and the end of every answer."""

from __future__ import annotations

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.messages import Answer, Finished, FinishReason
from llm_relay.wire.codec.parts import part_from_wire, part_to_wire
from llm_relay.wire.codec.times import duration_from_wire, duration_to_wire, time_from_wire, time_to_wire
from llm_relay.wire.codec.usage import cost_from_wire, cost_to_wire, usage_from_wire, usage_to_wire

_FINISH_REASONS_FROM_WIRE: dict[pb.FinishReason.ValueType, FinishReason | None] = {
    pb.FINISH_REASON_UNSPECIFIED: None,
    pb.FINISH_REASON_STOP: FinishReason.STOP,
    pb.FINISH_REASON_LENGTH: FinishReason.LENGTH,
    pb.FINISH_REASON_CONTENT_FILTER: FinishReason.CONTENT_FILTER,
    pb.FINISH_REASON_CANCELLED: FinishReason.CANCELLED,
    pb.FINISH_REASON_OTHER: FinishReason.OTHER,
    pb.FINISH_REASON_TOOL_CALLS: FinishReason.TOOL_CALLS,
    pb.FINISH_REASON_REFUSAL: FinishReason.REFUSAL,
    pb.FINISH_REASON_CONTEXT_EXCEEDED: FinishReason.CONTEXT_EXCEEDED,
    pb.FINISH_REASON_MALFORMED_OUTPUT: FinishReason.MALFORMED_OUTPUT,
}
_FINISH_REASONS_TO_WIRE = {reason: value for value, reason in _FINISH_REASONS_FROM_WIRE.items()}


def answer_to_wire(answer: Answer) -> pb.ProcessResponse:
    finished = answer.finished
    return pb.ProcessResponse(
        request_id=answer.request_id,
        text=answer.text,
        model=finished.model,
        provider=answer.provider,
        finish_reason=_FINISH_REASONS_TO_WIRE[finished.finish_reason],
        usage=usage_to_wire(finished.usage),
        cost=cost_to_wire(finished.cost),
        completed_at=time_to_wire(finished.completed_at),
        duration=duration_to_wire(finished.duration_s),
        parts=[part_to_wire(part) for part in answer.parts],
        service_tier=finished.service_tier,
    )


def answer_from_wire(response: pb.ProcessResponse) -> Answer:
    """Leaves out parts of kinds that this version does not know."""
    parts = map(part_from_wire, response.parts)
    return Answer(
        request_id=response.request_id,
        text=response.text,
        provider=response.provider,
        finished=finished_from_wire(response),
        parts=tuple(part for part in parts if part is not None),
    )


def finished_to_wire(finished: Finished) -> pb.Finished:
    return pb.Finished(
        finish_reason=_FINISH_REASONS_TO_WIRE[finished.finish_reason],
        model=finished.model,
        usage=usage_to_wire(finished.usage),
        cost=cost_to_wire(finished.cost),
        completed_at=time_to_wire(finished.completed_at),
        duration=duration_to_wire(finished.duration_s),
        service_tier=finished.service_tier,
    )


def finished_from_wire(finished: pb.Finished | pb.ProcessResponse, sequence: int = 0) -> Finished:
    """Reads the end of an answer; a whole answer has the same fields."""
    return Finished(
        finish_reason=_FINISH_REASONS_FROM_WIRE.get(finished.finish_reason, FinishReason.OTHER),
        model=finished.model,
        usage=usage_from_wire(finished.usage),
        cost=cost_from_wire(finished.cost),
        completed_at=time_from_wire(finished.completed_at),
        duration_s=duration_from_wire(finished.duration),
        service_tier=finished.service_tier,
        sequence=sequence,
    )
