"""Numbers on the command line: plain decimal digits, with bounds if nothing else checks them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from llm_relay.plain_numbers import decimal_number, whole_number


def whole(least: float = -math.inf, most: float = math.inf) -> Callable[[str], int]:
    """Returns a function that reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        number = whole_number(text)
        if number is None or not least <= number <= most:
            bounds = _bounds(least, most)
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number{bounds}: write plain digits, such as 50")
        return number

    return read


def decimal(least: float = -math.inf, most: float = math.inf) -> Callable[[str], float]:
    """Returns a function that reads a number from `least` to `most`."""

    def read(text: str) -> float:
        number = decimal_number(text)
        if number is None or not least <= number <= most:
            bounds = _bounds(least, most)
            raise argparse.ArgumentTypeError(f"{text!r} is not a number{bounds}: write plain digits, such as 0.7")
        return float(number)

    return read


def _bounds(least: float, most: float) -> str:
    if least == -math.inf:
        return ""
    return f" from {least}" if most == math.inf else f" from {least} to {most}"
