"""Checks of numbers. NaN and the infinities are in no range, and True is not a number."""

from __future__ import annotations

MAX_INT32 = 2**31 - 1
MAX_INT64 = 2**63 - 1


def is_number(value: object, least: float, most: float) -> bool:
    """Returns whether `value` is a number from `least` to `most`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def is_whole(value: object, least: int, most: int) -> bool:
    """Returns whether `value` is an int from `least` to `most`."""
    return type(value) is int and least <= value <= most
