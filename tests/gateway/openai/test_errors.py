"""Each error has its status, type and code at /v1, and says whether to retry."""

import orjson
import pytest

from gateway.openai.errors import openai_error_response
from llm_relay.errors import ERRORS_BY_REASON, BudgetExceeded, LedgerUnavailable, RateLimited, RelayError
from llm_relay.messages.accounts import RateLeft, RatesLeft

INVALID, SERVER, LIMITED = "invalid_request_error", "server_error", "rate_limit_exceeded"
THE_CONTRACT = {
    "INVALID_REQUEST": (400, INVALID, "invalid_value"),
    "PROVIDER_REJECTED": (400, INVALID, "PROVIDER_REJECTED"),
    "UNSUPPORTED": (400, INVALID, "UNSUPPORTED"),
    "UNAUTHENTICATED": (401, INVALID, "invalid_api_key"),
    "PRICE_UNKNOWN": (402, INVALID, "PRICE_UNKNOWN"),
    "PERMISSION_DENIED": (403, INVALID, "PERMISSION_DENIED"),
    "UNKNOWN_MODEL": (404, INVALID, "model_not_found"),
    "TOO_LARGE": (413, INVALID, "TOO_LARGE"),
    "BUDGET_EXCEEDED": (429, "insufficient_quota", "insufficient_quota"),
    "RATE_LIMITED": (429, "rate_limit_error", LIMITED),
    "PROVIDER_RATE_LIMITED": (429, "rate_limit_error", LIMITED),
    "OVERLOADED": (503, SERVER, "OVERLOADED"),
    "DRAINING": (503, SERVER, "DRAINING"),
    "LEDGER_UNAVAILABLE": (503, SERVER, "LEDGER_UNAVAILABLE"),
    "SERVER_B_UNAVAILABLE": (503, SERVER, "SERVER_B_UNAVAILABLE"),
    "PROVIDER_UNAVAILABLE": (503, SERVER, "PROVIDER_UNAVAILABLE"),
    "PROVIDER_AUTH": (502, SERVER, "PROVIDER_AUTH"),
    "PROVIDER_PROTOCOL": (502, SERVER, "PROVIDER_PROTOCOL"),
    "DEADLINE_EXCEEDED": (504, SERVER, "DEADLINE_EXCEEDED"),
    "CANCELLED": (499, SERVER, "CANCELLED"),
    "INTERNAL": (500, SERVER, "INTERNAL"),
}
RETRIED = {reason for reason, (status, _, code) in THE_CONTRACT.items() if status == 503 or code == LIMITED}


def test_every_error_is_in_the_contract() -> None:
    assert set(THE_CONTRACT) == set(ERRORS_BY_REASON)


@pytest.mark.parametrize("error_type", ERRORS_BY_REASON.values(), ids=ERRORS_BY_REASON)
@pytest.mark.parametrize("worked", [True, False])
def test_an_error_has_openais_shape(error_type: type[RelayError], worked: bool) -> None:
    response = openai_error_response(error_type("what happened", may_have_worked=worked), "r-1")
    error = orjson.loads(response.body)["error"]
    assert (response.status_code, error["type"], error["code"]) == THE_CONTRACT[error_type.reason]
    assert (error["message"], error["param"]) == ("what happened", None)
    expected = "true" if error_type.reason in RETRIED and not worked else "false"
    assert response.headers["x-should-retry"] == expected


def test_an_unreachable_ledger_asks_to_retry_in_a_second() -> None:
    headers = openai_error_response(LedgerUnavailable(), "r-1").headers
    assert (headers["retry-after"], headers["retry-after-ms"], headers["x-should-retry"]) == ("1", "1000", "true")


def test_what_is_left_of_the_rates_and_when_to_retry_are_in_the_headers() -> None:
    left = RatesLeft(
        calls=RateLeft(limit=60, remaining=2, reset_s=1.5), tokens=RateLeft(limit=9000, remaining=0, reset_s=30.0)
    )
    headers = openai_error_response(RateLimited(retry_after_s=1.2341, rates_left=left), "r-1").headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1235")  # never too early
    assert {name: value for name, value in headers.items() if name.startswith("x-ratelimit")} == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "1.5s",
        "x-ratelimit-limit-tokens": "9000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "30s",
    }


def test_a_budget_without_room_is_not_worth_a_retry() -> None:
    headers = openai_error_response(BudgetExceeded(scope="caller:alice"), "r-1").headers
    assert "retry-after" not in headers
    assert headers["x-should-retry"] == "false"
