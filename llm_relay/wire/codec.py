"""The messages of calls to protobuf and back; codec_status has the others. Nothing else knows both.

`x_to_wire` never fails on a valid message. `x_from_wire` maps values that this version does not know to
the most general one (OTHER, UNKNOWN, UNSPECIFIED), so that a newer peer can be talked to.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.errors import InvalidRequest, RelayError, Unsupported, Violation
from llm_relay.messages import (
    MAX_TURNS,
    TOO_MANY_TURNS,
    Accuracy,
    Answer,
    Cost,
    Delta,
    Event,
    Finished,
    FinishReason,
    Prompt,
    Role,
    Started,
    Turn,
    Usage,
    request_id_fault,
)

M = TypeVar("M", bound=Message)

NANO_USD_PER_USD = 1_000_000_000
_EPOCH = datetime.fromtimestamp(0, UTC)

_ROLES_FROM_WIRE = {pb.ROLE_USER: Role.USER, pb.ROLE_ASSISTANT: Role.ASSISTANT}
_ROLES_TO_WIRE = {role: value for value, role in _ROLES_FROM_WIRE.items()}

_ACCURACIES_FROM_WIRE = {
    pb.ACCURACY_EXACT: Accuracy.EXACT,
    pb.ACCURACY_ESTIMATED: Accuracy.ESTIMATED,
    pb.ACCURACY_UNKNOWN: Accuracy.UNKNOWN,
}
_ACCURACIES_TO_WIRE = {accuracy: value for value, accuracy in _ACCURACIES_FROM_WIRE.items()}

_FINISH_REASONS_FROM_WIRE: dict[pb.FinishReason.ValueType, FinishReason | None] = {
    pb.FINISH_REASON_UNSPECIFIED: None,
    pb.FINISH_REASON_STOP: FinishReason.STOP,
    pb.FINISH_REASON_LENGTH: FinishReason.LENGTH,
    pb.FINISH_REASON_CONTENT_FILTER: FinishReason.CONTENT_FILTER,
    pb.FINISH_REASON_CANCELLED: FinishReason.CANCELLED,
    pb.FINISH_REASON_OTHER: FinishReason.OTHER,
}
_FINISH_REASONS_TO_WIRE = {reason: value for value, reason in _FINISH_REASONS_FROM_WIRE.items()}


def parse(message_type: type[M], data: bytes) -> M:
    """Parses the bytes of one message; raises InvalidRequest if they are not one."""
    try:
        return message_type.FromString(data)
    except DecodeError as error:
        name = message_type.DESCRIPTOR.full_name
        raise InvalidRequest.of(Violation("(message)", f"is not a well-formed {name}")) from error


def prompt_from_wire(request: pb.ProcessRequest | pb.StreamProcessRequest) -> Prompt:
    """Raises InvalidRequest for bad fields, Unsupported for a resume, with the request_id if that is good."""
    try:
        if isinstance(request, pb.StreamProcessRequest):
            _refuse_resume(request)
        return _prompt(request)
    except RelayError as error:
        if request_id_fault(request.request_id) is None:
            error.request_id = request.request_id
        raise


def _prompt(request: pb.ProcessRequest | pb.StreamProcessRequest) -> Prompt:
    if len(request.history) > MAX_TURNS:
        raise InvalidRequest.of(Violation("history", TOO_MANY_TURNS))
    return Prompt(
        message=request.message,
        context=request.context if request.HasField("context") else None,
        # A role that is not known is left for Prompt to refuse, with the turn's place.
        history=tuple(Turn(role=cast("Role", _ROLES_FROM_WIRE.get(t.role)), text=t.text) for t in request.history),
        model=request.model if request.HasField("model") else None,
        temperature=request.temperature if request.HasField("temperature") else None,
        max_tokens=request.max_tokens if request.HasField("max_tokens") else None,
        request_id=request.request_id,
    )


def _refuse_resume(request: pb.StreamProcessRequest) -> None:
    if request.after_sequence:
        raise Unsupported("after_sequence: resuming a stream is not supported yet; leave it 0")
    if request.HasField("resume_window") and (request.resume_window.seconds or request.resume_window.nanos):
        raise Unsupported("resume_window: resuming a stream is not supported yet; leave it out")


R = TypeVar("R", pb.ProcessRequest, pb.StreamProcessRequest)


def prompt_to_wire(prompt: Prompt, request_type: type[R]) -> R:
    """Makes the request of either method."""
    return request_type(
        message=prompt.message,
        context=prompt.context,
        history=[pb.Turn(role=_ROLES_TO_WIRE[turn.role], text=turn.text) for turn in prompt.history],
        model=prompt.model,
        temperature=prompt.temperature,
        max_tokens=prompt.max_tokens,
        request_id=prompt.request_id,
    )


def answer_to_wire(answer: Answer) -> pb.ProcessResponse:
    finished = answer.finished
    return pb.ProcessResponse(
        request_id=answer.request_id,
        text=answer.text,
        model=finished.model,
        provider=answer.provider,
        finish_reason=_FINISH_REASONS_TO_WIRE[finished.finish_reason],
        usage=_usage_to_wire(finished.usage),
        cost=_cost_to_wire(finished.cost),
        completed_at=time_to_wire(finished.completed_at),
        duration=_duration_to_wire(finished.duration_s),
    )


def answer_from_wire(response: pb.ProcessResponse) -> Answer:
    return Answer(
        request_id=response.request_id,
        text=response.text,
        provider=response.provider,
        finished=Finished(
            finish_reason=_FINISH_REASONS_FROM_WIRE.get(response.finish_reason, FinishReason.OTHER),
            model=response.model,
            usage=_usage_from_wire(response.usage),
            cost=_cost_from_wire(response.cost),
            completed_at=time_from_wire(response.completed_at),
            duration_s=_duration_from_wire(response.duration),
        ),
    )


def event_to_wire(event: Event) -> pb.StreamProcessResponse:
    match event:
        case Delta():
            return pb.StreamProcessResponse(sequence=event.sequence, delta=pb.Delta(text=event.text))
        case Started():
            started = pb.Started(request_id=event.request_id, model=event.model, provider=event.provider)
            return pb.StreamProcessResponse(sequence=event.sequence, started=started)
        case Finished():
            return pb.StreamProcessResponse(sequence=event.sequence, finished=finished_to_wire(event))


def event_from_wire(response: pb.StreamProcessResponse) -> Event | None:
    """Returns None for an event that this version does not know."""
    match response.WhichOneof("event"):
        case "delta":
            return Delta(text=response.delta.text, sequence=response.sequence)
        case "started":
            started = response.started
            return Started(
                request_id=started.request_id,
                model=started.model,
                provider=started.provider,
                sequence=response.sequence,
            )
        case "finished":
            return finished_from_wire(response.finished, response.sequence)
        case _:
            return None


def finished_to_wire(finished: Finished) -> pb.Finished:
    return pb.Finished(
        finish_reason=_FINISH_REASONS_TO_WIRE[finished.finish_reason],
        model=finished.model,
        usage=_usage_to_wire(finished.usage),
        cost=_cost_to_wire(finished.cost),
        completed_at=time_to_wire(finished.completed_at),
        duration=_duration_to_wire(finished.duration_s),
    )


def finished_from_wire(finished: pb.Finished, sequence: int = 0) -> Finished:
    return Finished(
        finish_reason=_FINISH_REASONS_FROM_WIRE.get(finished.finish_reason, FinishReason.OTHER),
        model=finished.model,
        usage=_usage_from_wire(finished.usage),
        cost=_cost_from_wire(finished.cost),
        completed_at=time_from_wire(finished.completed_at),
        duration_s=_duration_from_wire(finished.duration),
        sequence=sequence,
    )


def _usage_to_wire(usage: Usage) -> pb.Usage:
    return pb.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        accuracy=_ACCURACIES_TO_WIRE[usage.accuracy],
    )


def _usage_from_wire(usage: pb.Usage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens if usage.HasField("input_tokens") else None,
        output_tokens=usage.output_tokens if usage.HasField("output_tokens") else None,
        cache_read_tokens=usage.cache_read_tokens if usage.HasField("cache_read_tokens") else None,
        cache_write_tokens=usage.cache_write_tokens if usage.HasField("cache_write_tokens") else None,
        reasoning_tokens=usage.reasoning_tokens if usage.HasField("reasoning_tokens") else None,
        accuracy=_ACCURACIES_FROM_WIRE.get(usage.accuracy, Accuracy.UNKNOWN),
    )


def _cost_to_wire(cost: Cost) -> pb.Cost:
    if cost.usd is None:
        return pb.Cost()
    nano_usd = int((cost.usd * NANO_USD_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN))
    return pb.Cost(nano_usd=nano_usd, price_source=cost.price_source)


def _cost_from_wire(cost: pb.Cost) -> Cost:
    if not cost.HasField("nano_usd"):
        return Cost()
    return Cost(usd=Decimal(cost.nano_usd) / NANO_USD_PER_USD, price_source=cost.price_source)


def time_to_wire(time: datetime) -> Timestamp:
    return Timestamp(seconds=int(time.timestamp()), nanos=time.microsecond * 1000)


def time_from_wire(time: Timestamp) -> datetime:
    try:
        return datetime.fromtimestamp(time.seconds, UTC).replace(microsecond=time.nanos // 1000)
    except (OverflowError, ValueError, OSError):  # no time that the calendar knows
        return _EPOCH


def _duration_to_wire(seconds: float) -> Duration:
    whole = int(seconds)
    return Duration(seconds=whole, nanos=int((seconds - whole) * 1e9))


def _duration_from_wire(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
