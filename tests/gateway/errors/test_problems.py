"""Each error has its HTTP status, and is reported with all its facts."""

from datetime import UTC, datetime

import orjson
import pytest

from gateway.errors.problems import HTTP_STATUSES, problem_response
from llm_relay import errors
from llm_relay.errors import InvalidRequest, Overloaded, RelayError, Unauthenticated, Violation


def test_every_error_has_a_status() -> None:
    assert set(HTTP_STATUSES) == set(RelayError.__subclasses__())


@pytest.mark.parametrize(
    ("error_type", "status"),
    [
        (errors.InvalidRequest, 422),
        (errors.TooLarge, 413),
        (errors.Unsupported, 501),
        (errors.UnknownModel, 404),
        (errors.Unauthenticated, 401),
        (errors.PermissionDenied, 403),
        (errors.RateLimited, 429),
        (errors.ProviderRateLimited, 429),
        (errors.ProviderUnavailable, 503),
        (errors.ProviderAuth, 502),
        (errors.ProviderRejected, 422),
        (errors.ProviderProtocol, 502),
        (errors.BudgetExceeded, 402),
        (errors.PriceUnknown, 402),
        (errors.LedgerUnavailable, 503),
        (errors.DeadlineExceeded, 504),
        (errors.Cancelled, 499),
        (errors.Overloaded, 503),
        (errors.Draining, 503),
        (errors.ServerBUnavailable, 503),
        (errors.Internal, 500),
    ],
)
def test_a_problem_has_the_facts_of_the_error(error_type: type[RelayError], status: int) -> None:
    response = problem_response(error_type(request_id="r-1"), "another")
    document = orjson.loads(response.body)
    assert response.status_code == document["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert document["title"]
    assert document["type"] == "about:blank"
    assert document["detail"].startswith(error_type.default_message)
    assert document["reason"] == error_type.reason
    assert document["requestId"] == "r-1"


def test_an_unknown_model_error_says_where_to_list_the_models() -> None:
    assert "GET /models" in orjson.loads(problem_response(errors.UnknownModel(), "r-1").body)["detail"]


def test_each_violation_has_its_field() -> None:
    response = problem_response(InvalidRequest.of(Violation("message", "must not be blank")), "r-1")
    assert orjson.loads(response.body)["errors"] == [{"field": "message", "detail": "must not be blank"}]


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "0"), (0.1, "1"), (2.0, "2"), (2.001, "3")])
def test_retry_after_is_in_whole_seconds_rounded_up(seconds: float, told: str) -> None:
    response = problem_response(Overloaded(retry_after_s=seconds), "r-1")
    assert response.headers["retry-after"] == told
    assert orjson.loads(response.body)["retryAfter"] == int(told)


def test_an_unknown_retry_delay_is_left_out() -> None:
    response = problem_response(Overloaded(), "r-1")
    assert "retry-after" not in response.headers
    assert "retryAfter" not in orjson.loads(response.body)


def test_an_unauthenticated_caller_is_told_how_to_authenticate() -> None:
    assert problem_response(Unauthenticated(), "r-1").headers["www-authenticate"] == "Bearer"


def test_an_unreachable_ledger_asks_to_retry_in_a_second() -> None:
    response = problem_response(errors.LedgerUnavailable(), "r-1")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


def test_a_budget_without_room_shows_its_amounts() -> None:
    error = errors.BudgetExceeded(
        scope="caller:alice",
        limit_nano_usd=5,
        spent_nano_usd=4,
        reserved_nano_usd=1,
        resets_at=datetime(2026, 12, 1, tzinfo=UTC),
    )
    response = problem_response(error, "r-1")
    assert "retry-after" not in response.headers
    assert orjson.loads(response.body)["budget"] == {
        "scope": "caller:alice",
        "limit_nano_usd": 5,
        "spent_nano_usd": 4,
        "reserved_nano_usd": 1,
        "resets_at": "2026-12-01T00:00:00Z",
    }
