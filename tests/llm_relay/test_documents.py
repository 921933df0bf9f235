"""The JSON shapes of HTTP and MCP: null for what is unknown, every bad field named."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from llm_relay.documents import (
    answer_document,
    config_document,
    finish_document,
    health_document,
    models_document,
    prompt_from_document,
    stream_error_document,
    timestamp,
    unhealthy_document,
)
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Overloaded, ServerBUnavailable
from llm_relay.messages import (
    Accuracy,
    Answer,
    Cost,
    Finished,
    FinishReason,
    Models,
    Prompt,
    Role,
    State,
    Status,
    Turn,
    Usage,
)

NOW = datetime(2026, 11, 22, 13, 14, 15, 123_456, tzinfo=UTC)
SECRET = "sk-live-0123456789"


def finished(usage: Usage, cost: Cost) -> Finished:
    return Finished(
        finish_reason=FinishReason.CONTENT_FILTER,
        model="m",
        usage=usage,
        cost=cost,
        completed_at=NOW,
        duration_s=0.123456789,
    )


KNOWN = finished(
    Usage(input_tokens=3, output_tokens=0, accuracy=Accuracy.EXACT), Cost(usd=Decimal("0.000000001"), price_source="x")
)
UNKNOWN = finished(Usage(), Cost())


def status(**given: Any) -> Status:
    usual: dict[str, Any] = {
        "server": "Server B",
        "version": "0.1.0",
        "state": State.HEALTHY,
        "provider": "mock",
        "provider_configured": True,
        "provider_state": State.UNSPECIFIED,
        "provider_error": "",
        "calls_processed": 0,
        "default_model": "m",
        "default_temperature": 0.0,
        "default_max_tokens": 1,
        "observed_at": NOW,
    }
    return Status(**{**usual, **given})


def test_an_answer_has_the_documented_shape() -> None:
    assert answer_document(Answer(request_id="id-1", text="Hi", provider="mock", finished=KNOWN)) == {
        "status": "success",
        "aiResponse": "Hi",
        "model": "m",
        "usage": {"promptTokens": 3, "completionTokens": 0, "totalTokens": 3, "estimatedCost": 1e-9},
        "timestamp": "2026-11-22T13:14:15.123Z",
        "processingTime": 0.123457,
        "requestId": "id-1",
        "provider": "mock",
        "finishReason": "content_filter",
    }


def test_what_is_unknown_is_null_not_zero() -> None:
    assert finish_document("id-1", "mock", UNKNOWN)["usage"] == {
        "promptTokens": None,
        "completionTokens": None,
        "totalTokens": None,
        "estimatedCost": None,
    }


@pytest.mark.parametrize("usage", [Usage(input_tokens=1), Usage(output_tokens=1)])
def test_a_total_of_which_a_part_is_unknown_is_unknown(usage: Usage) -> None:
    assert finish_document("id-1", "mock", finished(usage, Cost()))["usage"]["totalTokens"] is None


def test_a_known_cost_of_zero_is_zero() -> None:
    assert finish_document("id-1", "mock", finished(Usage(), Cost(usd=Decimal(0))))["usage"]["estimatedCost"] == 0


def test_the_end_of_a_stream_has_the_documented_shape() -> None:
    document = finish_document("id-1", "mock", KNOWN)
    assert set(document) == {
        "requestId",
        "model",
        "provider",
        "finishReason",
        "usage",
        "timestamp",
        "processingTime",
    }


def test_health_names_the_providers_last_failure_only_if_there_is_one() -> None:
    assert health_document(status())["ai"] == {"configured": True, "status": "unspecified"}
    degraded = status(state=State.DEGRADED, provider_state=State.DEGRADED, provider_error="PROVIDER_AUTH")
    document = health_document(degraded)
    assert document["status"] == "degraded"
    assert document["ai"] == {"configured": True, "status": "degraded", "error": "PROVIDER_AUTH"}


@pytest.mark.parametrize("state", [State.UNSPECIFIED, State.DEGRADED])
def test_only_a_healthy_state_is_told_as_healthy(state: State) -> None:
    assert health_document(status(state=state))["status"] == "degraded"
    assert health_document(status())["status"] == "healthy"


def test_a_server_that_is_away_is_unhealthy() -> None:
    document = unhealthy_document(ServerBUnavailable("Server B cannot be reached at b:1"))
    assert document["status"] == "unhealthy"
    assert document["error"] == "Server B cannot be reached at b:1"


def test_a_note_on_the_models_is_left_out_where_there_is_none() -> None:
    models = Models(provider="mock", models=("a",), default_model="a")
    assert models_document(models) == {"provider": "mock", "models": ["a"], "default": "a"}


def test_the_configuration_has_the_documented_shape() -> None:
    assert config_document(status()) == {"provider": "mock", "defaultModel": "m", "temperature": 0.0, "maxTokens": 1}


def test_a_failure_amid_a_stream_has_the_documented_shape() -> None:
    error = Overloaded("busy", request_id="id-1")
    assert stream_error_document(error) == {"error": "busy", "reason": "OVERLOADED", "requestId": "id-1"}


def test_a_timestamp_always_has_milliseconds_and_a_z() -> None:
    assert timestamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"


def fields_refused(document: object) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        prompt_from_document(document)
    assert SECRET not in str(refused.value)
    return [violation.field for violation in refused.value.violations]


def test_a_prompt_is_read_from_all_its_fields() -> None:
    assert prompt_from_document(
        {
            "message": "Hi",
            "context": "Be short",
            "history": [{"role": "user", "text": "a"}, {"role": "ROLE_ASSISTANT", "text": "b"}],
            "model": "m",
            "temperature": 0,
            "max_tokens": 5,
            "request_id": "id-1",
        }
    ) == Prompt(
        message="Hi",
        context="Be short",
        history=(Turn(role=Role.USER, text="a"), Turn(role=Role.ASSISTANT, text="b")),
        model="m",
        temperature=0,
        max_tokens=5,
        request_id="id-1",
    )


def test_null_is_the_same_as_absent() -> None:
    names = ("context", "history", "model", "temperature", "max_tokens", "request_id")
    assert prompt_from_document({"message": "Hi", **dict.fromkeys(names)}) == Prompt(message="Hi")


@pytest.mark.parametrize("document", [{}, {"message": None}, {"message": ""}, {"message": 5}, {"message": [SECRET]}])
def test_a_missing_message_is_named(document: object) -> None:
    assert fields_refused(document) == ["message"]


@pytest.mark.parametrize("document", [None, [], "Hi", 5, True])
def test_what_is_no_object_is_refused(document: object) -> None:
    assert fields_refused(document) == ["(body)"]


def test_unknown_names_are_named() -> None:
    assert fields_refused({"message": "Hi", "maxTokens": 5, "prompt": "x"}) == ["maxTokens", "prompt"]


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud800", "\n\0", "'", ""])
def test_an_unknown_name_is_repeated_only_in_part_and_in_plain_ascii(name: str) -> None:
    (shown,) = fields_refused({"message": "Hi", name: 1})
    assert len(shown) <= 40
    assert shown.isascii()
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "0.5"),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", 10**400),
        ("temperature", True),
        ("max_tokens", 1.5),
        ("max_tokens", {}),
        ("context", 5),
        ("model", []),
        ("request_id", 5),
        ("request_id", "not good"),
        ("history", "user"),
        ("history", {"role": "user"}),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_named(field: str, value: object) -> None:
    assert fields_refused({"message": "Hi", field: value}) == [field]


@pytest.mark.parametrize(
    ("turn", "field"),
    [
        (None, "history[1]"),
        ("user", "history[1]"),
        ({}, "history[1]"),
        ({"role": "user"}, "history[1]"),
        ({"role": "user", "text": "a", "more": 1}, "history[1]"),
        ({"role": "robot", "text": "a"}, "history[1].role"),
        ({"role": [SECRET], "text": "a"}, "history[1].role"),
        ({"role": "user", "text": ""}, "history[1].text"),
        ({"role": "user", "text": 5}, "history[1].text"),
    ],
)
def test_a_bad_turn_is_named_with_its_place(turn: object, field: str) -> None:
    assert fields_refused({"message": "Hi", "history": [{"role": "user", "text": "a"}, turn]}) == [field]


def test_a_turn_after_one_that_cannot_be_read_keeps_its_place() -> None:
    history = [None, {"role": "user", "text": ""}]
    assert sorted(fields_refused({"message": "Hi", "history": history})) == ["history[0]", "history[1].text"]


@pytest.mark.parametrize("bad", [{"history": [{}] * 200_000}, {f"x{place}": 1 for place in range(200_000)}])
def test_of_countless_faults_the_first_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        prompt_from_document({"message": "Hi", **bad})
    assert 1 <= len(refused.value.violations) <= MAX_VIOLATIONS


def test_bad_fields_and_bad_turns_are_named_at_once() -> None:
    assert sorted(fields_refused({"message": "", "temperature": 3, "history": [5]})) == [
        "history[0]",
        "message",
        "temperature",
    ]
