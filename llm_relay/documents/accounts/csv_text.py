"""CSV that spreadsheets read as data: no text from a caller becomes a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
"""Includes the full-width forms, which Japanese and Chinese spreadsheets read as formulas too."""


def csv_line(cells: Iterable[object]) -> str:
    """Returns a line of CSV (RFC 4180) with its line ending. None is empty, objects are JSON."""
    line = io.StringIO()
    csv.writer(line).writerow([_cell(cell) for cell in cells])
    return line.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)  # a negative number is no formula
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
