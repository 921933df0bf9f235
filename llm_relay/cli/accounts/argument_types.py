"""Types of command-line arguments: amounts, times, spans of time, and tags."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta, tzinfo

from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.plain_numbers import decimal_number, whole_number

_SPAN = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([smhdw]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MOST_USD = 10**9
MOST_RATE = 10**12
LONGEST_SPAN_S = 100 * 365 * 86_400


def usd(text: str) -> int:
    """Reads an amount in USD, such as 12.50; returns nano-USD."""
    amount = decimal_number(text.removeprefix("$"))
    if amount is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount in USD: write plain digits, such as 12.50")
    if abs(amount) > MOST_USD:
        raise argparse.ArgumentTypeError(f"{text!r} is too large: the maximum is a billion USD")
    nano_usd = amount * NANO_USD_PER_USD
    if nano_usd != nano_usd.to_integral_value():
        raise argparse.ArgumentTypeError(f"{text!r} has more than nine decimal places")
    return int(nano_usd)


def span(text: str) -> float:
    """Reads a span of time, such as 90, 30m, 24h, 7d or 2w; returns seconds."""
    match = _SPAN.fullmatch(text)
    seconds = float(match[1]) * _UNIT_S[match[2]] if match else LONGEST_SPAN_S + 1
    if seconds > LONGEST_SPAN_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a span of time: write one such as 30m, 24h or 7d")
    return seconds


def past(text: str) -> datetime:
    """Reads a time: a date, a date with a time, or an age such as 7d. A time without an offset has no time zone."""
    return _moment(text, -1, "2026-11-26, 2026-11-26T09:30 or 7d (seven days ago)")


def future(text: str) -> datetime:
    """Reads a time: a date, a date with a time, or a span from now such as 30d. Without an offset it has no zone."""
    return _moment(text, 1, "2026-11-26, 2026-11-26T09:30 or 7d (seven days from now)")


def _moment(text: str, direction: int, examples: str) -> datetime:
    if _SPAN.fullmatch(text) and whole_number(text) is None:
        return datetime.now(UTC) + direction * timedelta(seconds=span(text))
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: write one such as {examples}") from None


def in_zone(moment: datetime | None, zone: tzinfo = UTC) -> datetime | None:
    """Adds `zone` to a time that has no time zone."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=zone)


def tag(text: str) -> tuple[str, str]:
    """Reads a tag, as key=value."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not a tag: write key=value, such as project=search")
    return key, value


def limit(text: str) -> int | None:
    """Reads a number, or `none` for no limit."""
    if text == "none":
        return None
    number = whole_number(text)
    if number is None or not 1 <= number <= MOST_RATE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a limit: write a whole number from 1 to {MOST_RATE} in plain digits, such as 60, or none"
        )
    return number
