"""What a model reads of an error, and what a program finds in it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from mcp_types import CallToolResult

from llm_relay import errors
from llm_relay.errors import ERRORS_BY_REASON, RelayError, Violation
from llm_relay.mcp.tool_results import ADVICE, ToolOutput, error_result, success_result
from llm_relay.messages import Cost, Finished, Usage


def text_of(result: CallToolResult) -> str:
    return str(result.content[0].text)  # type: ignore[union-attr]


def test_there_is_advice_for_every_error() -> None:
    assert set(ADVICE) == set(ERRORS_BY_REASON.values())


@pytest.mark.parametrize("error_type", ERRORS_BY_REASON.values(), ids=ERRORS_BY_REASON)
def test_an_error_has_its_reason_its_text_its_advice_and_its_request_id(error_type: type[RelayError]) -> None:
    result = error_result(error_type(request_id="r-1"))
    assert result.is_error
    assert result.structured_content is None
    retry_s = error_type.default_retry_after_s
    advice = f"Call again after {retry_s:.0f} s." if retry_s else ADVICE[error_type]
    assert text_of(result) == f"{error_type.reason}: {error_type.default_message}. {advice} (request_id r-1)"
    assert result.meta is not None
    assert (result.meta["reason"], result.meta["requestId"]) == (error_type.reason, "r-1")


def test_a_budget_without_room_shows_its_amounts() -> None:
    result = error_result(errors.BudgetExceeded(scope="call", limit_nano_usd=5))
    assert result.meta == {
        "reason": "BUDGET_EXCEEDED",
        "budget": {
            "scope": "call",
            "limit_nano_usd": 5,
            "spent_nano_usd": 0,
            "reserved_nano_usd": 0,
            "resets_at": None,
        },
    }


def test_the_time_to_wait_is_in_whole_seconds_in_the_text_and_exact_in_the_document() -> None:
    result = error_result(errors.ProviderRateLimited(retry_after_s=1.25))
    assert "Call again after 2 s." in text_of(result)
    assert result.meta == {"reason": "PROVIDER_RATE_LIMITED", "retryAfter": 1.25}


def test_each_bad_field_is_named() -> None:
    result = error_result(errors.InvalidRequest.of(Violation("message", "must not be blank"), Violation("model", "no")))
    assert "message: must not be blank; model: no." in text_of(result)
    assert result.meta is not None
    assert result.meta["violations"] == [
        {"field": "message", "description": "must not be blank"},
        {"field": "model", "description": "no"},
    ]


def test_the_usage_of_a_failed_call_is_included() -> None:
    spent = Finished(
        finish_reason=None,
        model="m",
        usage=Usage(input_tokens=3),
        cost=Cost(usd=Decimal("0.5")),
        completed_at=datetime.now(UTC),
        duration_s=1.0,
    )
    result = error_result(errors.ProviderProtocol(spent=spent))
    assert result.meta is not None
    assert result.meta["usage"] == {
        "promptTokens": 3,
        "completionTokens": None,
        "totalTokens": None,
        "cacheReadTokens": None,
        "cacheWriteTokens": None,
        "reasoningTokens": None,
        "accuracy": "unknown",
        "estimatedCost": 0.5,
        "priceSource": None,
    }


def test_an_answer_is_text_for_the_model_and_a_document_for_the_program() -> None:
    result = success_result(ToolOutput(text="Hi", document={"aiResponse": "Hi"}))
    assert not result.is_error
    assert text_of(result) == "Hi"
    assert result.structured_content == {"aiResponse": "Hi"}
