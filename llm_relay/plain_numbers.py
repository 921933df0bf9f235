"""Numbers that people write in settings, options and requests: plain decimal digits, such as 10, 0.5 or -3.

Python's own functions accept more than people mean by a number: 1_000, ٣, 1e3, +5, nan, and whitespace around it. Such
a text is a mistake, and only its author knows the intended number.
"""

from __future__ import annotations

import re
from decimal import Decimal

_WHOLE = re.compile(r"(?!-0+$)-?[0-9]{1,40}", re.ASCII)
_DECIMAL = re.compile(r"(?!-[0.]+$)-?(?:[0-9]{1,40}(?:\.[0-9]{1,40})?|\.[0-9]{1,40})", re.ASCII)
_SMALL = re.compile(r"[0-9](?:\.[0-9]{1,40})?[eE]-[0-9]{1,3}", re.ASCII)


def whole_number(text: str) -> int | None:
    """Returns the whole number that `text` is, or None."""
    return int(text) if _WHOLE.fullmatch(text) else None


def decimal_number(text: str) -> Decimal | None:
    """Returns the decimal number that `text` is, or None."""
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


def small_number(text: str) -> Decimal | None:
    """Returns the number that `text` is as programs print a small one, such as 1e-05, or None."""
    return Decimal(text) if _SMALL.fullmatch(text) else None
