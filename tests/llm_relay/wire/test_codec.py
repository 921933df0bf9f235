"""Messages keep their meaning across the wire, to newer and older peers too."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from google.protobuf.duration_pb2 import Duration

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.errors import InvalidRequest, Unsupported
from llm_relay.messages import (
    Accuracy,
    Answer,
    Cost,
    Delta,
    Event,
    Finished,
    FinishReason,
    Model,
    Models,
    Prompt,
    Role,
    Started,
    State,
    Status,
    Turn,
    Usage,
)
from llm_relay.wire import codec, introspection

NOW = datetime(2026, 11, 22, 13, 14, 15, 999_999, tzinfo=UTC)
FIELD_201_IS_1 = b"\xc8\x0c\x01"
"""A field that this version does not know."""


def finished(
    usage: Usage | None = None, cost: Cost | None = None, reason: FinishReason | None = FinishReason.STOP
) -> Finished:
    return Finished(
        finish_reason=reason,
        model="m",
        usage=usage or Usage(),
        cost=cost or Cost(),
        completed_at=NOW,
        duration_s=1.25,
    )


def across(sent: Finished) -> Finished:
    """Serializes a message and parses it again."""
    return codec.finished_from_wire(pb.Finished.FromString(codec.finished_to_wire(sent).SerializeToString()))


@pytest.mark.parametrize("request_type", [pb.ProcessRequest, pb.StreamProcessRequest])
@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(message="Hi"),
        Prompt(message="Hi", context="", model="", temperature=0, max_tokens=1),
        Prompt(
            message="Hi 👋",
            context="Be short",
            history=(Turn(role=Role.USER, text="a"), Turn(role=Role.ASSISTANT, text="b")),
            model="m",
            temperature=2.0,
            max_tokens=2**31 - 1,
            request_id="id-1",
        ),
    ],
)
def test_a_prompt_keeps_every_field_and_what_is_absent(
    prompt: Prompt, request_type: type[pb.ProcessRequest] | type[pb.StreamProcessRequest]
) -> None:
    sent = codec.prompt_to_wire(prompt, request_type).SerializeToString()  # type: ignore[type-var]
    assert codec.prompt_from_wire(codec.parse(request_type, sent)) == prompt


def test_an_absent_temperature_is_not_zero() -> None:
    assert codec.prompt_from_wire(pb.ProcessRequest(message="Hi")).temperature is None
    assert codec.prompt_from_wire(pb.ProcessRequest(message="Hi", temperature=0)).temperature == 0


@pytest.mark.parametrize("role", [0, 4, 99])
def test_a_role_that_is_unspecified_or_unknown_is_refused_with_its_position(role: int) -> None:
    request = pb.ProcessRequest(message="Hi", history=[pb.Turn(role=role, text="a")])  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as refused:
        codec.prompt_from_wire(request)
    assert [violation.field for violation in refused.value.violations] == ["history[0].role"]


def test_the_error_of_a_bad_request_has_its_request_id() -> None:
    with pytest.raises(InvalidRequest) as refused:
        codec.prompt_from_wire(pb.ProcessRequest(message="", request_id="id-1"))
    assert refused.value.request_id == "id-1"


def test_the_error_of_a_bad_request_id_does_not_repeat_it() -> None:
    with pytest.raises(InvalidRequest) as refused:
        codec.prompt_from_wire(pb.ProcessRequest(message="Hi", request_id="not good"))
    assert refused.value.request_id == ""


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(1, 0), (0, 1), (-1, 0)],
)
def test_a_resume_window_is_unsupported_not_ignored(seconds: int, nanos: int) -> None:
    window = Duration(seconds=seconds, nanos=nanos)
    with pytest.raises(Unsupported, match="resume_window"):
        codec.prompt_from_wire(pb.StreamProcessRequest(message="Hi", resume_window=window))


def test_a_resume_after_a_sequence_is_unsupported_not_ignored() -> None:
    with pytest.raises(Unsupported, match="after_sequence"):
        codec.prompt_from_wire(pb.StreamProcessRequest(message="Hi", after_sequence=1))


def test_a_resume_of_zero_is_none() -> None:
    request = pb.StreamProcessRequest(message="Hi", after_sequence=0, resume_window=Duration())
    assert codec.prompt_from_wire(request) == Prompt(message="Hi")


def test_unknown_fields_are_ignored() -> None:
    data = pb.ProcessRequest(message="Hi").SerializeToString() + FIELD_201_IS_1
    assert codec.prompt_from_wire(codec.parse(pb.ProcessRequest, data)) == Prompt(message="Hi")


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x05Hi", b"\x0a\x02\xff\xfe", b"\x00"])
def test_bytes_that_are_no_message_are_an_invalid_request(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"relay\.v1\.ProcessRequest"):
        codec.parse(pb.ProcessRequest, data)


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT),
        Usage(input_tokens=7, accuracy=Accuracy.ESTIMATED),
        Usage(
            input_tokens=2**40,
            output_tokens=5,
            cache_read_tokens=0,
            cache_write_tokens=1,
            reasoning_tokens=2,
            accuracy=Accuracy.EXACT,
        ),
    ],
)
def test_an_unknown_count_is_not_zero(usage: Usage) -> None:
    assert across(finished(usage)).usage == usage


@pytest.mark.parametrize("reason", [None, *FinishReason])
def test_every_finish_reason_survives(reason: FinishReason | None) -> None:
    assert across(finished(reason=reason)).finish_reason is reason


@pytest.mark.parametrize("accuracy", list(Accuracy))
def test_every_accuracy_survives(accuracy: Accuracy) -> None:
    assert across(finished(Usage(accuracy=accuracy))).usage.accuracy is accuracy


def test_enum_values_of_a_newer_peer_become_the_most_general_ones() -> None:
    response = pb.ProcessResponse(finish_reason=99, usage=pb.Usage(accuracy=99))  # type: ignore[arg-type]
    answer = codec.answer_from_wire(response)
    assert answer.finished.finish_reason is FinishReason.OTHER
    assert answer.finished.usage.accuracy is Accuracy.UNKNOWN
    status = introspection.status_from_wire(pb.GetStatusResponse(state=99, provider_state=99))  # type: ignore[arg-type]
    assert (status.state, status.provider_state) == (State.UNSPECIFIED, State.UNSPECIFIED)


@pytest.mark.parametrize(
    ("usd", "nano_usd"),
    [
        ("0", 0),
        ("0.000000001", 1),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("0.00000000251", 3),
        ("1234.567890123", 1_234_567_890_123),
    ],
)
def test_money_is_rounded_half_to_even_to_nano_dollars(usd: str, nano_usd: int) -> None:
    wire = codec.finished_to_wire(finished(cost=Cost(usd=Decimal(usd), price_source="list")))
    assert wire.cost.nano_usd == nano_usd
    received = codec.finished_from_wire(wire).cost
    assert received == Cost(usd=Decimal(nano_usd) / 10**9, price_source="list")


def test_an_unknown_cost_is_absent_and_a_cost_of_zero_is_not() -> None:
    assert not codec.finished_to_wire(finished(cost=Cost())).cost.HasField("nano_usd")
    assert codec.finished_to_wire(finished(cost=Cost(usd=Decimal(0)))).cost.HasField("nano_usd")
    assert across(finished(cost=Cost())).cost.usd is None
    assert across(finished(cost=Cost(usd=Decimal(0)))).cost.usd == 0


def test_times_keep_their_microseconds_and_durations_their_nanoseconds() -> None:
    received = across(finished())
    assert received.completed_at == NOW
    assert received.duration_s == pytest.approx(1.25, abs=1e-9)


@pytest.mark.parametrize(("seconds", "nanos"), [(2**62, 0), (-(2**62), 0), (0, -5_000), (0, 2_000_000_000)])
def test_a_time_outside_the_calendar_does_not_fail_the_answer(seconds: int, nanos: int) -> None:
    response = pb.ProcessResponse(text="Hi")
    response.completed_at.seconds, response.completed_at.nanos = seconds, nanos
    assert codec.answer_from_wire(response).text == "Hi"


@pytest.mark.parametrize(
    "event",
    [
        Started(request_id="id-1", model="m", provider="mock"),
        Delta(text="Hi", sequence=17),
        finished(Usage(input_tokens=1, output_tokens=2, accuracy=Accuracy.EXACT), Cost(usd=Decimal(1))),
    ],
)
def test_every_event_survives_with_its_sequence(event: Event) -> None:
    assert codec.event_from_wire(codec.event_to_wire(event)) == event


def test_an_event_of_a_newer_peer_is_none() -> None:
    response = codec.parse(pb.StreamProcessResponse, b"\x08\x05" + FIELD_201_IS_1)
    assert response.sequence == 5
    assert codec.event_from_wire(response) is None


def test_a_whole_answer_survives() -> None:
    answer = Answer(request_id="id-1", text="Hi 👋", provider="mock", finished=finished())
    assert codec.answer_from_wire(codec.answer_to_wire(answer)) == answer


MODEL = Model(id="a", provider="mock")
DETAILED = Model(
    id="b",
    provider="openai",
    tools=True,
    images=False,
    json_schema=True,
    reasoning=False,
    context_tokens=128_000,
    input_nano_usd_per_million_tokens=2_500_000_000,
    output_nano_usd_per_million_tokens=0,
    cache_read_nano_usd_per_million_tokens=1,
    cache_write_nano_usd_per_million_tokens=2,
)


@pytest.mark.parametrize(("note", "details"), [("", ()), ("a note", (MODEL, DETAILED))])
def test_the_models_survive_with_all_their_facts(note: str, details: tuple[Model, ...]) -> None:
    models = Models(provider="mock", models=("a", "b"), default_model="a", note=note, details=details)
    assert introspection.models_from_wire(introspection.models_to_wire(models)) == models


@pytest.mark.parametrize("state", list(State))
def test_the_status_survives(state: State) -> None:
    status = Status(
        server="Server B",
        version="0.1.0",
        state=state,
        provider="mock",
        provider_configured=True,
        provider_state=state,
        provider_error="PROVIDER_AUTH",
        calls_processed=2**40,
        default_model="m",
        default_temperature=0.7,
        default_max_tokens=1000,
        observed_at=NOW,
    )
    assert introspection.status_from_wire(introspection.status_to_wire(status)) == status
