"""How long a provider asks to wait, wherever it says so: it is passed on, and waited for if there is time."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.field.calls import DEADLINE_S
from tests.field.field import Case, case, check
from tests.field.outcome import CallResult, OneOf, Within, answered, failed
from tests.field.provider import Steps
from tests.field.wire import DONE, GOOD, error, event, stream, whole

pytestmark = pytest.mark.anyio

LIMITED = "PROVIDER_RATE_LIMITED"
BODY = error("Rate limit reached", "requests", "rate_limit_exceeded")
LONG_S = 53
"""Longer than any call's deadline here, so it is passed on at once."""
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{LONG_S}s"}
OTHER_INFO = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}
EXHAUSTED = {
    "error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED", "details": [OTHER_INFO, RETRY_INFO]}
}


def limited(*lines: str, body: object = BODY, status: int = 429) -> Steps:
    """Answers with a rate limit and these header lines."""
    return whole(body, status, lines=lines)


def passed_on(seconds: object, *lines: str, body: object = BODY) -> Case:
    """Makes a case whose caller is told to wait that long."""
    return case(limited(*lines, body=body), failed(LIMITED, retry_after_s=seconds))


def limit_with_text(message: str) -> dict[str, object]:
    """Makes a rate limit whose message says how long to wait."""
    return error(message, "tokens", "rate_limit_exceeded")


def date(seconds: float) -> str:
    """Formats the time that many seconds from now as an HTTP date."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


ABOUT_AN_HOUR = Within(1800, 3600)
CASES: dict[str, Case] = {
    "seconds": passed_on(LONG_S, f"Retry-After: {LONG_S}"),
    "seconds in lower case": passed_on(LONG_S, f"retry-after: {LONG_S}"),
    "seconds as a decimal": passed_on(OneOf(53.5, 54), "Retry-After: 53.5"),
    "seconds between spaces": passed_on(LONG_S, f"Retry-After:   {LONG_S}  "),
    "seconds in quotes": passed_on(LONG_S, f'Retry-After: "{LONG_S}"'),
    "seconds twice, joined by a proxy": passed_on(LONG_S, f"Retry-After: {LONG_S}, {LONG_S}"),
    "Azure's milliseconds": passed_on(LONG_S, f"x-ms-retry-after-ms: {LONG_S}000"),
    "text about what will be available": passed_on(
        LONG_S, body=limit_with_text(f"Tokens will be available in {LONG_S} seconds")
    ),
    "a date": passed_on(ABOUT_AN_HOUR, f"Retry-After: {date(3600)}"),
    "a date with a numeric zone": passed_on(ABOUT_AN_HOUR, f"Retry-After: {date(3600).replace('GMT', '+0000')}"),
    "milliseconds": passed_on(LONG_S, f"retry-after-ms: {LONG_S}000"),
    "milliseconds before seconds": passed_on(LONG_S, f"retry-after-ms: {LONG_S}000", "Retry-After: 99"),
    "Google's RetryInfo": passed_on(LONG_S, body=EXHAUSTED),
    "Google's RetryInfo in a list": passed_on(LONG_S, body=[EXHAUSTED]),
    "OpenAI's text": passed_on(
        LONG_S, body=limit_with_text(f"Limit 30000, Used 30000. Please try again in {LONG_S}s. Visit")
    ),
    "OpenAI's text, with minutes": passed_on(90, body=limit_with_text("Please try again in 1m30s.")),
    "Groq's text": passed_on(
        OneOf(53.25, 54), body=limit_with_text("Limit 6000, Used 5000. Please try again in 53.25s.")
    ),
    "Azure's text": passed_on(
        LONG_S, body={"error": {"code": "429", "message": f"Please retry after {LONG_S} seconds."}}
    ),
    "GitHub's text": passed_on(LONG_S, body=limit_with_text(f"Please wait {LONG_S} seconds before retrying.")),
    "text with a colon": passed_on(LONG_S, body=limit_with_text(f"Retry after: {LONG_S} seconds")),
    "a header of IETF's draft": passed_on(LONG_S, f'RateLimit: "default";r=0;t={LONG_S}'),
    "Hugging Face's time to load": passed_on(LONG_S, body={"error": "x", "estimated_time": float(LONG_S)}),
    "a member of the body": passed_on(LONG_S, body={"error": {"message": "x", "code": 429, "retry_after": LONG_S}}),
    "a date that has passed, then an answer": case(
        (limited(f"Retry-After: {date(-60)}"), stream(GOOD)), answered(requests=2)
    ),
    "zero, then an answer": case((limited("Retry-After: 0"), stream(GOOD)), answered(requests=2)),
    "a little, then an answer": case((limited("retry-after-ms: 50"), stream(GOOD)), answered(requests=2)),
    "text with a little, then an answer": case(
        (limited(body=limit_with_text("Please try again in 50ms.")), stream(GOOD)), answered(requests=2)
    ),
    "nonsense": case(limited("Retry-After: soon"), failed(LIMITED, requests=3, retry_after_s=None)),
    "negative": case(limited("Retry-After: -5"), failed(LIMITED, requests=3, retry_after_s=OneOf(None, 0))),
    "not a number": case(limited("Retry-After: NaN"), failed(LIMITED, requests=3, retry_after_s=None)),
    "infinite": case(
        limited("Retry-After: inf"), failed(LIMITED, requests=OneOf(1, 3), retry_after_s=OneOf(None, 86400))
    ),
    "a year": case(limited("Retry-After: 31536000"), failed(LIMITED, requests=OneOf(1, 3))),
    "of an overloaded server": case(
        limited(f"Retry-After: {LONG_S}", body=error("x", "server_error"), status=503),
        failed("PROVIDER_UNAVAILABLE", retry_after_s=LONG_S, may_have_worked=False),
    ),
    "in a stream": case(stream(event(EXHAUSTED), DONE), failed(LIMITED, retry_after_s=LONG_S, may_have_worked=False)),
    "of an empty account": case(
        limited("Retry-After: 0", body=error("x", "insufficient_quota", "insufficient_quota")), failed("PROVIDER_AUTH")
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_time_to_wait_is_found_and_passed_on(name: str, results: dict[str, list[CallResult]]) -> None:
    assert LONG_S > DEADLINE_S
    check(CASES[name], results[name])
