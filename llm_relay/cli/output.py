"""Writes rows as an aligned table in dollars, as JSON (one object per line), or as CSV."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_relay.program.colours import Colour, coloured, shows_colours

Row = Mapping[str, Any]
GAP = "  "


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Adds --json and --csv."""
    formats = parser.add_mutually_exclusive_group()
    for name, help_ in (("json", "print one JSON object per line"), ("csv", "print CSV with a header line")):
        formats.add_argument(
            f"--{name}", dest="format", action="store_const", const=name, default=argparse.SUPPRESS, help=help_
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    title: str
    text: Callable[[Row], str]
    is_number: bool = False
    colour: Callable[[Row], Colour | None] | None = None
    """Returns the colour of a row's cell on a terminal; None: no colour."""


class Output:
    """Writes rows, all at once or as they arrive."""

    def __init__(self, arguments: argparse.Namespace, columns: Sequence[Column], names: Sequence[str] = ()) -> None:
        """`names` are the header of a CSV without rows."""
        self._format: str = getattr(arguments, "format", "table")
        self._columns = columns
        self._names = list(names)
        self._begun = False

    def write(self, rows: Iterable[Row]) -> None:
        """Writes all rows."""
        every = list(rows)
        if self._format == "table":
            sys.stdout.write(_table(self._columns, every))
            return
        if not every and self._format == "csv" and self._names:
            self._write_csv(self._names)
        for row in every:
            self._write_row(row)
        sys.stdout.flush()

    def add(self, row: Row) -> None:
        """Writes one row at once."""
        self._write_row(row)
        sys.stdout.flush()

    def _write_row(self, row: Row) -> None:
        match self._format:
            case "json":
                import json

                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
            case "csv":
                if not self._begun:
                    self._write_csv(row)
                self._write_csv(row.values())
            case _:
                sys.stdout.write(
                    GAP.join(_coloured(shown(column.text(row)), column, row) for column in self._columns) + "\n"
                )
        self._begun = True

    def _write_csv(self, cells: Iterable[object]) -> None:
        from llm_relay.documents.accounts import csv_line

        sys.stdout.write(csv_line(cells))


def _table(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    cells = [_cells(columns, row) for row in rows]
    is_ascii = all("".join(line).isascii() for line in cells)
    width_of = len if is_ascii else width
    widths = [
        max(len(column.title), *(width_of(line[place]) for line in cells), 0) for place, column in enumerate(columns)
    ]
    if is_ascii and not shows_colours(sys.stdout):
        places = [f"{'>' if column.is_number else '<'}{room}" for room, column in zip(widths, columns, strict=True)]
        form = GAP.join(f"{{:{place}}}" for place in places).format  # there may be tens of thousands of lines
        return "".join(f"{form(*line).rstrip()}\n" for line in ([column.title for column in columns], *cells))
    titles = [coloured(column.title, Colour.BOLD, sys.stdout) for column in columns]
    lines = [_aligned([column.title for column in columns], titles, widths, columns)]
    for line, row in zip(cells, rows, strict=True):
        inked = [_coloured(cell, column, row) for cell, column in zip(line, columns, strict=True)]
        lines.append(_aligned(line, inked, widths, columns))
    return "".join(f"{line}\n" for line in lines)


def _cells(columns: Sequence[Column], row: Row) -> list[str]:
    line = [column.text(row) for column in columns]
    return line if "".join(line).isprintable() else [shown(text) for text in line]


def _aligned(plain: Sequence[str], inked: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    """Returns an aligned line. Colour codes do not count in its width."""
    padded = []
    for text, ink, most, column in zip(plain, inked, widths, columns, strict=True):
        room = " " * (most - width(text))
        padded.append(f"{room}{ink}" if column.is_number else f"{ink}{room}")
    return GAP.join(padded).rstrip()


def _coloured(text: str, column: Column, row: Row) -> str:
    return text if column.colour is None else coloured(text, column.colour(row), sys.stdout)


def when_counted(name: str, colour: Colour) -> Callable[[Row], Colour | None]:
    """Returns a function that colours a count unless it is 0."""
    return lambda row: colour if row[name] else None


def shown(text: str) -> str:
    """Replaces characters that could control a terminal. Names and tags may contain any character."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def width(text: str) -> int:
    """Returns how many terminal columns a text takes: two for a Chinese character or emoji, none for an accent."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def dollars(nano_usd: int | None) -> str:
    """Returns an amount in dollars with two to six decimal places, or ? if it is not known."""
    if nano_usd is None:
        return "?"
    sign = "-" if nano_usd < 0 else ""
    millionths, rest = divmod(abs(nano_usd), 1000)
    millionths += rest > 500 or (rest == 500 and millionths % 2 == 1)  # half to even
    if not millionths and nano_usd:
        return f"{sign}<$0.000001"
    whole, part = divmod(millionths, 1_000_000)
    return f"{sign}${whole:,}.{f'{part:06}'.rstrip('0').ljust(2, '0')}"


def text_of(name: str) -> Callable[[Row], str]:
    """Returns a function that shows a member as text, and None as nothing."""
    return lambda row: "" if row[name] is None else str(row[name])


def count_of(name: str) -> Callable[[Row], str]:
    """Returns a function that shows a count, and ? if it is not known."""
    return lambda row: "?" if row[name] is None else f"{row[name]:,}"


def dollars_of(name: str) -> Callable[[Row], str]:
    """Returns a function that shows an amount of money."""
    return lambda row: dollars(row[name])


def time_of(name: str) -> Callable[[Row], str]:
    """Returns a function that shows a time, to the second."""
    return lambda row: row[name][:19].replace("T", " ") if row[name] else ""
