"""Errors keep their reason and their details across the wire; the text of foreign statuses is not trusted."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2

from llm_relay import errors
from llm_relay.errors import ERRORS_BY_REASON, RelayError, Violation
from llm_relay.messages import Accuracy, Cost, Finished, Usage
from llm_relay.wire.errors import CODES, LONGEST_RETRY_AFTER_S, error_from_status, status_from_error

THE_CONTRACT = {
    "INVALID_REQUEST": "INVALID_ARGUMENT",
    "TOO_LARGE": "RESOURCE_EXHAUSTED",
    "UNSUPPORTED": "UNIMPLEMENTED",
    "UNKNOWN_MODEL": "NOT_FOUND",
    "UNAUTHENTICATED": "UNAUTHENTICATED",
    "PERMISSION_DENIED": "PERMISSION_DENIED",
    "RATE_LIMITED": "RESOURCE_EXHAUSTED",
    "PROVIDER_RATE_LIMITED": "RESOURCE_EXHAUSTED",
    "PROVIDER_UNAVAILABLE": "UNAVAILABLE",
    "PROVIDER_AUTH": "FAILED_PRECONDITION",
    "PROVIDER_REJECTED": "INVALID_ARGUMENT",
    "PROVIDER_PROTOCOL": "INTERNAL",
    "BUDGET_EXCEEDED": "RESOURCE_EXHAUSTED",
    "PRICE_UNKNOWN": "FAILED_PRECONDITION",
    "LEDGER_UNAVAILABLE": "UNAVAILABLE",
    "DEADLINE_EXCEEDED": "DEADLINE_EXCEEDED",
    "CANCELLED": "CANCELLED",
    "OVERLOADED": "RESOURCE_EXHAUSTED",
    "DRAINING": "UNAVAILABLE",
    "SERVER_B_UNAVAILABLE": "UNAVAILABLE",
    "INTERNAL": "INTERNAL",
}
GRPC_REFUSES_STATUSES_OVER_BYTES = 8 * 1024

every_error = pytest.mark.parametrize("error_type", RelayError.__subclasses__(), ids=lambda error: error.reason)

SPENT = Finished(
    finish_reason=None,
    model="m",
    usage=Usage(input_tokens=5, accuracy=Accuracy.ESTIMATED),
    cost=Cost(usd=Decimal("0.001"), price_source="list"),
    completed_at=datetime(2026, 11, 22, tzinfo=UTC),
    duration_s=0.5,
)


def received(sent: RelayError) -> RelayError:
    """Returns the error that a client gets when a server sends this one."""
    status = status_from_error(sent)
    return error_from_status(
        CODES[type(sent)], status.message, status_pb2.Status.FromString(status.SerializeToString())
    )


def packed(*details: Any, domain: str = "relay.v1", reason: str = "OVERLOADED") -> status_pb2.Status:
    """Makes a status with an ErrorInfo and further details."""
    info = Any()
    info.Pack(error_details_pb2.ErrorInfo(domain=domain, reason=reason))
    return status_pb2.Status(message="text", details=[info, *details])


def test_every_error_has_its_grpc_status() -> None:
    assert set(CODES) == set(RelayError.__subclasses__())
    assert set(ERRORS_BY_REASON.values()) == set(CODES)


def test_the_statuses_are_those_of_the_contract() -> None:
    assert {error.reason: code.name for error, code in CODES.items()} == THE_CONTRACT


@every_error
def test_every_error_keeps_its_class_and_all_its_details(error_type: type[RelayError]) -> None:
    violations = (Violation("message", "must not be blank"), Violation("model", "is odd"))
    sent = error_type("what happened", request_id="id-1", retry_after_s=1.5, violations=violations, spent=SPENT)
    back = received(sent)
    assert type(back) is error_type
    assert (back.message, back.request_id, back.retry_after_s) == ("what happened", "id-1", 1.5)
    assert back.violations == violations
    assert back.spent == SPENT


@every_error
def test_an_error_without_details_has_none_on_the_other_side(error_type: type[RelayError]) -> None:
    back = received(error_type())
    assert type(back) is error_type
    assert back.message == error_type.default_message
    assert (back.request_id, back.violations, back.spent) == ("", (), None)
    assert back.retry_after_s == error_type.default_retry_after_s


def test_a_cause_reaches_the_other_side() -> None:
    status = status_from_error(errors.ProviderRejected(cause="context_length_exceeded"))
    told = error_from_status(grpc.StatusCode.INVALID_ARGUMENT, status.message, status)
    assert (type(told), told.cause) == (errors.ProviderRejected, "context_length_exceeded")


def test_an_unreachable_ledger_asks_to_retry_in_a_second() -> None:
    status = status_from_error(errors.LedgerUnavailable())
    assert error_details_pb2.RetryInfo.FromString(status.details[1].value).retry_delay.seconds == 1
    assert [error for error in ERRORS_BY_REASON.values() if error.default_retry_after_s] == [errors.LedgerUnavailable]


@pytest.mark.parametrize("resets_at", [datetime(2026, 12, 1, tzinfo=timezone(timedelta(hours=1))), None])
def test_a_budget_without_room_shows_its_amounts(resets_at: datetime | None) -> None:
    sent = errors.BudgetExceeded(
        scope="tag:team=a", limit_nano_usd=2**62, spent_nano_usd=4_980_000_000, reserved_nano_usd=7, resets_at=resets_at
    )
    status = status_from_error(sent)
    info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
    assert len(status.details) == 1, "neither RetryInfo nor Finished"
    assert info.metadata == {
        "may_have_worked": "false",
        "scope": "tag:team=a",
        "limit_nano_usd": str(2**62),
        "spent_nano_usd": "4980000000",
        "reserved_nano_usd": "7",
        **({"resets_at": "2026-11-30T23:00:00Z"} if resets_at else {}),
    }
    back = received(sent)
    assert isinstance(back, errors.BudgetExceeded)
    assert {**vars(back), "may_have_worked": False} == {**vars(sent), "may_have_worked": False}
    assert not back.may_have_worked
    assert "tag:team=a" in str(back)
    assert "$4.98 spent and $0.000000007 reserved" in str(back)


@pytest.mark.parametrize("number", ["", "many", "1.5"])
def test_the_unreadable_facts_of_a_foreign_peers_budget_are_left_out(number: str) -> None:
    info = error_details_pb2.ErrorInfo(domain="relay.v1", reason="BUDGET_EXCEEDED")
    info.metadata.update({"scope": "caller:a", "limit_nano_usd": number, "spent_nano_usd": "5", "resets_at": "soon"})
    status = status_pb2.Status(message="text")
    status.details.add().Pack(info)
    error = error_from_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "text", status)
    assert isinstance(error, errors.BudgetExceeded)
    assert (error.scope, error.limit_nano_usd, error.spent_nano_usd, error.resets_at) == ("caller:a", 0, 5, None)


@every_error
@pytest.mark.parametrize("worked", [True, False])
def test_every_error_says_whether_a_provider_may_have_worked(error_type: type[RelayError], worked: bool) -> None:
    status = status_from_error(error_type(may_have_worked=worked))
    info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
    assert info.metadata["may_have_worked"] == ("true" if worked else "false")
    assert received(error_type(may_have_worked=worked)).may_have_worked is worked


@every_error
def test_an_error_that_does_not_say_whether_a_provider_may_have_worked_has_its_classs_default(
    error_type: type[RelayError],
) -> None:
    error = error_from_status(CODES[error_type], "text", packed(reason=error_type.reason))
    assert (type(error), error.may_have_worked) == (error_type, error_type.may_have_worked)


@pytest.mark.parametrize(
    ("text", "worked"),
    [
        ("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused", False),
        ("DNS resolution failed for b.example.com:50051: Domain name not found", False),
        ("Socket closed", True),
        ("", True),
    ],
)
def test_a_call_without_a_connection_reached_no_provider(text: str, worked: bool) -> None:
    error = error_from_status(grpc.StatusCode.UNAVAILABLE, text, None)
    assert (error.reason, error.may_have_worked) == ("SERVER_B_UNAVAILABLE", worked)


@every_error
def test_facts_for_the_operator_alone_are_never_sent(error_type: type[RelayError]) -> None:
    status = status_from_error(error_type(operator_detail="connection refused by 10.0.0.1:443"))
    assert b"10.0.0.1" not in status.SerializeToString()


@pytest.mark.parametrize(
    ("retry_after_s", "comes_as"),
    [
        (0.0, 0.0),
        (1e-10, 1e-9),
        (0.3, 0.3),
        (float("inf"), LONGEST_RETRY_AFTER_S),
        (1e300, LONGEST_RETRY_AFTER_S),
        (float("nan"), None),
        (-1.0, None),
    ],
)
def test_a_retry_time_is_never_shortened_and_an_absurd_one_does_no_harm(
    retry_after_s: float, comes_as: float | None
) -> None:
    assert received(errors.RateLimited(retry_after_s=retry_after_s)).retry_after_s == comes_as


@pytest.mark.parametrize("letter", ["a", "ä", "世", "\ud800"])
def test_a_long_text_is_cut_to_what_grpc_can_carry(letter: str) -> None:
    status = status_from_error(errors.ProviderRejected(letter * 100_000))
    percent_encoded = 3 * len(status.message.encode())
    assert percent_encoded + len(status.SerializeToString()) * 4 / 3 < GRPC_REFUSES_STATUSES_OVER_BYTES


@pytest.mark.parametrize(
    ("code", "text", "error_type"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", errors.ServerBUnavailable),
        (
            grpc.StatusCode.UNAVAILABLE,
            "Stream removed (RST_STREAM (Received RST_STREAM with error code 7))",
            errors.Overloaded,
        ),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "SERVER: Received message larger than max (9 vs. 4)",
            errors.TooLarge,
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "CLIENT: Sent message larger than max (9 vs. 4)", errors.TooLarge),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", errors.Internal),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", errors.DeadlineExceeded),
        (grpc.StatusCode.CANCELLED, "", errors.Cancelled),
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!", errors.Unsupported),
        (grpc.StatusCode.UNKNOWN, "", errors.Internal),
        (grpc.StatusCode.INTERNAL, "", errors.Internal),
        (grpc.StatusCode.UNAUTHENTICATED, "", errors.Internal),
        (grpc.StatusCode.INVALID_ARGUMENT, "", errors.Internal),
        (grpc.StatusCode.NOT_FOUND, "", errors.Internal),
    ],
)
def test_a_status_without_our_details_maps_by_its_code(
    code: grpc.StatusCode, text: str, error_type: type[RelayError]
) -> None:
    assert type(error_from_status(code, text, None)) is error_type


def test_the_text_of_a_foreign_status_is_not_passed_on() -> None:
    error = error_from_status(grpc.StatusCode.UNKNOWN, "Unexpected <class 'ValueError'>: sk-live-1", None)
    assert str(error) == errors.Internal.default_message


def test_details_of_a_foreign_domain_are_not_ours() -> None:
    status = packed(domain="googleapis.com", reason="OVERLOADED")
    error = error_from_status(grpc.StatusCode.UNAVAILABLE, "text", status)
    assert type(error) is errors.ServerBUnavailable
    assert "text" not in str(error)


def test_a_reason_of_a_newer_peer_maps_by_its_code() -> None:
    status = packed(reason="OUT_OF_COFFEE")
    error = error_from_status(grpc.StatusCode.DEADLINE_EXCEEDED, "text", status)
    assert type(error) is errors.DeadlineExceeded


@pytest.mark.parametrize("name", ["google.rpc.RetryInfo", "google.rpc.BadRequest", "relay.v1.Finished"])
def test_a_malformed_detail_is_left_out(name: str) -> None:
    broken = Any(type_url=f"type.googleapis.com/{name}", value=b"\xff\xff\xff")
    error = error_from_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "text", packed(broken))
    assert type(error) is errors.Overloaded
    assert (error.retry_after_s, error.violations, error.spent) == (None, (), None)


def test_a_malformed_error_info_counts_as_none() -> None:
    broken = Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff\xff")
    error = error_from_status(grpc.StatusCode.UNAVAILABLE, "text", status_pb2.Status(details=[broken]))
    assert type(error) is errors.ServerBUnavailable


def test_details_of_unknown_types_are_skipped() -> None:
    strange = Any(type_url="type.googleapis.com/some.Other", value=b"\x01")
    error = error_from_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "text", packed(strange))
    assert type(error) is errors.Overloaded
