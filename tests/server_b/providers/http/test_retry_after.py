"""How long a provider asks to wait, wherever it says so."""

import email.utils
from datetime import UTC, datetime, timedelta

import pytest

from server_b.providers.http.retry_after import retry_after_s, wait_from_member, wait_from_text

FAR_S = 3600


def moment() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=FAR_S)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "6s"}, 6.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "Mon, 99 Foo 2026"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 1.0),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "0",
            },
            360.0,
        ),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"retry-after": "3", "x-ratelimit-reset": "12"}, 3.0),
        ({"ratelimit": '"default";r=0;t=50'}, 50.0),
        ({"RateLimit": "limit=100, remaining=0, reset=50"}, 50.0),
        ({"RateLimit": '"burst";r=0;t=10, "daily";r=990;t=43200'}, 10.0),
        ({"RateLimit": '"daily";r=990;t=43200, "burst";r=0;t=10'}, 10.0),
        ({"ratelimit": "limit=100, remaining=0"}, None),
        ({}, None),
    ],
)
def test_headers_give_the_time_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retry-after", lambda: email.utils.format_datetime(moment(), usegmt=True)),
        ("X-RateLimit-Reset", lambda: str(int(moment().timestamp()))),
        ("X-RateLimit-Reset-Requests", lambda: str(int(moment().timestamp() * 1000))),
        ("anthropic-ratelimit-requests-reset", lambda: moment().isoformat()),
    ],
)
def test_headers_may_name_a_moment(name: str, value: object) -> None:
    assert retry_after_s({name: value()}) == pytest.approx(FAR_S, abs=60)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["reset_at", "resetsAt", "retry_at"])
def test_members_may_name_a_moment(name: str) -> None:
    assert wait_from_member(name, moment().timestamp()) == pytest.approx(FAR_S, abs=60)
    assert wait_from_member(name, moment().isoformat()) == pytest.approx(FAR_S, abs=60)


def test_a_moment_that_has_passed_is_now() -> None:
    past = email.utils.format_datetime(datetime.now(UTC) - timedelta(seconds=600), usegmt=True)
    assert retry_after_s({"retry-after": past}) == 0.0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("retryDelay", "53s", 53.0),
        ("retryDelay", "53.270833s", 53.270833),
        ("retryDelay", {"seconds": 53}, 53.0),
        ("retry_delay", {"seconds": "53", "nanos": 5}, 53.0),
        ("retry_after", 7, 7.0),
        ("retryAfter", "7", 7.0),
        ("retry_after_ms", 1500, 1.5),
        ("retry_after_seconds", 2.5, 2.5),
        ("retry_after", "soon", None),
        ("retry_after", None, None),
        ("retry_after_sec", 7, 7.0),
        ("retryInSeconds", 7, 7.0),
        ("retryDelayMs", 7000, 7.0),
        ("resets_in_seconds", 7, 7.0),
        ("wait_seconds", "7", 7.0),
        ("estimated_time", 20.0, 20.0),
        ("reset_at", 7, None),
        ("reset_at", "soon", None),
        ("wait", True, None),
        ("code", 7, None),
    ],
)
def test_members_of_an_errors_details_give_the_time_to_wait(name: str, value: object, expected: float | None) -> None:
    assert wait_from_member(name, value) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate limit reached for gpt-4o ... please try again in 1.2s. visit", 1.2),
        ("please try again in 6m0s.", 360.0),
        ("please try again in 20ms.", 0.02),
        ("please try again in 1m26.4s. need more tokens?", 86.4),
        ("please retry after 6 seconds. please contact azure support", 6.0),
        ("please retry in 53.27s.", 53.27),
        ("no deployments available. try again in 5 seconds.", 5.0),
        ("try again in 1 hour and 2 minutes", 3720.0),
        ("please wait for 30 secs before", 30.0),
        ("please try again in about 40 seconds", 40.0),
        ("retry after: 25 seconds", 25.0),
        ("too many requests (retry after 25s)", 25.0),
        ("retry_after=25", 25.0),
        ("retry-after: 25", 25.0),
        ("retry after=soon", None),
        ("try again later", None),
        ("please try again in a moment", None),
        ("the limit is 20 requests in 60 seconds", None),
        ("", None),
    ],
)
def test_an_errors_text_gives_the_time_to_wait(text: str, expected: float | None) -> None:
    assert wait_from_text(text) == (None if expected is None else pytest.approx(expected))
