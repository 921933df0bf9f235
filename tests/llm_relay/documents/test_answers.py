"""Answers as JSON: null for what is unknown, and the usage of a failed call."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llm_relay.documents import answer_document, finish_document, stream_error_document, timestamp, usage_document
from llm_relay.errors import Overloaded, ProviderProtocol
from llm_relay.messages import Accuracy, Answer, Cost, Finished, FinishReason, Usage

NOW = datetime(2026, 11, 22, 13, 14, 15, 123_456, tzinfo=UTC)


def finished(usage: Usage, cost: Cost, finish_reason: FinishReason | None = FinishReason.CONTENT_FILTER) -> Finished:
    return Finished(
        finish_reason=finish_reason, model="m", usage=usage, cost=cost, completed_at=NOW, duration_s=0.123456789
    )


KNOWN = finished(
    Usage(
        input_tokens=3,
        output_tokens=0,
        cache_read_tokens=2,
        cache_write_tokens=1,
        reasoning_tokens=0,
        accuracy=Accuracy.EXACT,
    ),
    Cost(usd=Decimal("0.000000001"), price_source="x"),
)
KNOWN_USAGE = {
    "promptTokens": 3,
    "completionTokens": 0,
    "totalTokens": 3,
    "cacheReadTokens": 2,
    "cacheWriteTokens": 1,
    "reasoningTokens": 0,
    "accuracy": "exact",
    "estimatedCost": 1e-9,
    "priceSource": "x",
}


def test_an_answer_has_the_documented_shape() -> None:
    assert answer_document(Answer(request_id="id-1", text="Hi", provider="mock", finished=KNOWN)) == {
        "status": "success",
        "aiResponse": "Hi",
        "model": "m",
        "usage": KNOWN_USAGE,
        "timestamp": "2026-11-22T13:14:15.123Z",
        "processingTime": 0.123457,
        "requestId": "id-1",
        "provider": "mock",
        "finishReason": "content_filter",
    }


def test_the_end_of_a_stream_has_the_documented_shape() -> None:
    assert finish_document("id-1", "mock", KNOWN) == {
        "requestId": "id-1",
        "model": "m",
        "provider": "mock",
        "finishReason": "content_filter",
        "usage": KNOWN_USAGE,
        "timestamp": "2026-11-22T13:14:15.123Z",
        "processingTime": 0.123457,
    }


def test_unknown_values_are_null_not_zero() -> None:
    assert usage_document(finished(Usage(), Cost())) == {**dict.fromkeys(KNOWN_USAGE), "accuracy": "unknown"}


@pytest.mark.parametrize("usage", [Usage(input_tokens=1), Usage(output_tokens=1)])
def test_a_total_with_an_unknown_part_is_unknown(usage: Usage) -> None:
    assert usage_document(finished(usage, Cost()))["totalTokens"] is None


def test_a_known_cost_of_zero_is_zero() -> None:
    assert usage_document(finished(Usage(), Cost(usd=Decimal(0))))["estimatedCost"] == 0


@pytest.mark.parametrize("accuracy", Accuracy)
def test_the_accuracy_of_the_counts_is_included(accuracy: Accuracy) -> None:
    assert usage_document(finished(Usage(accuracy=accuracy), Cost()))["accuracy"] == accuracy.value


def test_a_failure_during_a_stream_has_the_documented_shape() -> None:
    error = Overloaded("busy", request_id="id-1")
    assert stream_error_document(error) == {"error": "busy", "reason": "OVERLOADED", "requestId": "id-1"}


def test_a_failure_of_a_call_that_had_begun_includes_its_usage() -> None:
    error = ProviderProtocol(request_id="id-1", spent=finished(KNOWN.usage, KNOWN.cost, None))
    assert stream_error_document(error)["usage"] == KNOWN_USAGE


def test_a_timestamp_always_has_milliseconds_and_a_z() -> None:
    assert timestamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"
