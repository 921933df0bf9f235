"""Reads how long a provider asks to wait: in headers, in the error's details or in its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT_S = 86_400.0
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
)
_IN_TEXT = re.compile(
    r"(?:\b(?:(?:try again|retry|wait|available|resets?)\b[^.\n]{0,40}?\b(?:in|after|for|of|least)|wait)[\s:=]+"
    r"|\bretry_after\W{1,4})(?:about |around |approximately |another |~ ?)?"
    rf"((?:{_PART.pattern}[\s,]*(?:and\s+)?)+)"
)
_SECONDS_IN_TEXT = re.compile(r"\bretry[-_ ]?after['\"]? ?[:=] ?['\"]?(\d+(?:\.\d+)?)(?![\w.])")
_MEMBER = re.compile(
    r"(?:retry(?:after|in|delay)|wait(?:for|time)?|resets?(?:in|after)|cooldown|estimatedtime)"
    r"(?:in)?(?P<unit>ms|milliseconds?|s|secs?|seconds?)?"
)
"""Names of members that say how long to wait, in lower case and without separators."""
_MOMENT_MEMBER = re.compile(r"(?:resets?|retry)at")
_LIMIT_FIELD = re.compile(r"(?:^|[;,\s])(r|remaining|t|reset)\s*=\s*(\d{1,9})")
"""https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/, and what came before it."""
_MS_HEADERS = ("retry-after-ms", "x-ms-retry-after-ms")
_EPOCH_S = 10**9
"""A larger number of seconds is a point in time, not a duration."""
_EPOCH_MS = 10**12


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Returns how long to wait, from 0 seconds to a day; None: the headers say nothing sensible."""
    named = {name.lower(): value.strip() for name, value in headers.items()}
    stated = named.get("retry-after", "").strip('"')
    return _sensible(
        *(_number(named.get(name, ""), 0.001) for name in _MS_HEADERS),
        _number(stated.partition(",")[0], 1.0),  # proxies join two headers
        duration_s(stated),
        _until(stated),
        _until_reset(named),
    )


def wait_from_member(name: str, value: object) -> float | None:
    """Returns the wait in a member of an error's details, such as Google's retryDelay; None: it has none."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    found = _MEMBER.fullmatch(plain) or _MOMENT_MEMBER.fullmatch(plain)
    if isinstance(value, Mapping):  # a protobuf Duration
        value = value.get("seconds")
    if found is None or not isinstance(value, str | int | float):
        return None
    text = str(value).strip().lower()
    if found.re is _MOMENT_MEMBER:
        number = _number(text, 1.0)
        return _sensible(_moment(text) if number is None or number >= _EPOCH_S else None)
    is_ms = (found["unit"] or "").startswith("m")
    return _sensible(_number(text, 0.001 if is_ms else 1.0), duration_s(text))


def wait_from_text(text: str) -> float | None:
    """Returns the wait in a text such as `please try again in 6m1.2s`, in lower case; None: it has none."""
    if found := _IN_TEXT.search(text):
        return _sensible(duration_s(found[1]))
    found = _SECONDS_IN_TEXT.search(text)
    return _sensible(float(found[1])) if found else None


def duration_s(text: str) -> float | None:
    """Returns the seconds in `1m26.4s`, `20ms` or `6 seconds`; None: the text has no duration, or more text."""
    text = text.lower()
    if re.sub(r"[\s,]|and", "", _PART.sub("", text)):
        return None
    parts = [float(number) * _unit_s(unit) for number, unit in _PART.findall(text)]
    return sum(parts) if parts else None


def _unit_s(unit: str) -> float:
    return _UNITS_S["ms" if unit.startswith(("ms", "milli")) else unit[0]]


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Returns the wait in headers such as x-ratelimit-reset: the longest of used-up limits, else the shortest."""
    waits: list[float] = []
    used_up: list[float] = []
    for name, value in headers.items():
        if "ratelimit" in name and "reset" in name and (wait_s := _moment(value)) is not None:
            remaining = name.replace("reset", "remaining")
            (used_up if headers.get(remaining, "").strip() == "0" else waits).append(wait_s)
    stated = headers.get("ratelimit", "").lower()
    for limit in stated.split(",") if ";" in stated else [stated]:  # the older form has commas within one limit
        fields = dict(_LIMIT_FIELD.findall(limit))
        if reset := fields.get("t", fields.get("reset")):
            (used_up if fields.get("r", fields.get("remaining")) == "0" else waits).append(float(reset))
    return max(used_up) if used_up else min(waits, default=None)


def _moment(text: str) -> float | None:
    number = _number(text, 1.0)
    if number is None:
        return next((wait for wait in (duration_s(text), _until(text)) if wait is not None), None)
    if number >= _EPOCH_S:
        moment_s = number / 1000 if number >= _EPOCH_MS else number
        return max(0.0, moment_s - datetime.now(UTC).timestamp())
    return number


def _until(date: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(date)
        except (ValueError, TypeError):
            continue
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return None


def _number(text: str, unit_s: float) -> float | None:
    try:
        return float(text) * unit_s
    except ValueError:
        return None


def _sensible(*waits_s: float | None) -> float | None:
    return next(iter(_in_range(waits_s)), None)


def _in_range(waits_s: tuple[float | None, ...]) -> Iterator[float]:
    return (wait_s for wait_s in waits_s if wait_s is not None and 0 <= wait_s <= MAX_WAIT_S)
