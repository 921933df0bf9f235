"""What people write on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from llm_relay.cli.accounts import argument_types
from llm_relay.cli.number_types import decimal, whole
from llm_relay.cli.output import Column, Output, dollars, text_of
from tests.support.not_plain import NOT_PLAIN


@pytest.mark.parametrize(
    ("text", "nano_usd"),
    [
        ("12.50", 12_500_000_000),
        ("$0", 0),
        ("0.000000001", 1),
        ("-1", -1_000_000_000),
    ],
)
def test_amounts_are_exact(text: str, nano_usd: int) -> None:
    assert argument_types.usd(text) == nano_usd


@pytest.mark.parametrize("text", ["", "twelve", "0.0000000001", "1000000001", "1,50", "$ 5", *NOT_PLAIN])
def test_an_invalid_amount_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        argument_types.usd(text)


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (None, "?"),
        (0, "$0.00"),
        (1, "<$0.000001"),
        (-1, "-<$0.000001"),
        (1_500_000_000, "$1.50"),
        (1_234_567_890_123, "$1,234.56789"),
        (-2_000_000_000, "-$2.00"),
    ],
)
def test_amounts_are_shown_in_dollars(nano_usd: int | None, text: str) -> None:
    assert dollars(nano_usd) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30m", 1800), ("24h", 86_400), ("1.5d", 129_600), ("2w", 1_209_600)]
)
def test_spans_of_time(text: str, seconds: float) -> None:
    assert argument_types.span(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1h", "1y", "9999999999d", "٣h", "1_0h", " 1h", *NOT_PLAIN])
def test_an_invalid_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        argument_types.span(text)


@pytest.mark.parametrize("text", ["0", "-1", "1000000000001", "5.0", *NOT_PLAIN])
@pytest.mark.parametrize("read", [argument_types.limit, whole(1, 1000)])
def test_a_count_with_other_digits_or_out_of_range_is_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="whole number from 1 to"):
        read(text)


@pytest.mark.parametrize("text", ["-0.1", "2.1", *NOT_PLAIN])
def test_a_number_with_other_digits_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a number from 0 to 2"):
        decimal(0, 2)(text)


def test_times_are_dates_or_how_long_ago() -> None:
    assert argument_types.past("2026-11-26") == datetime(2026, 11, 26)  # noqa: DTZ001 - the zone is another option's
    assert argument_types.in_zone(argument_types.past("2026-11-26T09:30")) == datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    assert argument_types.past("2026-11-26T09:30:00Z") == datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    assert (
        argument_types.past("7d")
        < datetime.now(UTC) - timedelta(days=6)
        < datetime.now(UTC)
        < argument_types.future("1h")
    )
    with pytest.raises(argparse.ArgumentTypeError):
        argument_types.past("yesterday")


def test_tags_and_limits() -> None:
    assert argument_types.tag("a=b=c") == ("a", "b=c")
    assert (argument_types.limit("5"), argument_types.limit("none")) == (5, None)
    for read, text in (
        (argument_types.tag, "a"),
        (argument_types.tag, "=b"),
        (argument_types.limit, "-1"),
        (argument_types.limit, "many"),
    ):
        with pytest.raises(argparse.ArgumentTypeError):
            read(text)


def test_no_character_of_a_row_moves_the_cursor_even_when_rows_arrive_one_by_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output(argparse.Namespace(format="table"), [Column("MODEL", text_of("model"))])
    output.write([{"model": "a\x1b[2J"}])
    output.add({"model": "b\x1b]0;title\x07\n"})
    assert capsys.readouterr().out == "MODEL\na?[2J\nb?]0;title??\n"
