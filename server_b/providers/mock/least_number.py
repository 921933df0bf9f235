"""Finds the number nearest to 0 that a schema allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from server_b.providers.mock.schema_merge import exact, least_common_multiple


@dataclass(frozen=True, slots=True)
class _Bound:
    """A distance from 0 that a number must reach, or exceed if `passed`."""

    at: Fraction
    passed: bool
    end: Fraction | None
    """The largest distance allowed; None: no limit."""


def least_number(flat: dict[str, Any], *, is_whole: bool) -> int | float:
    """Returns the number nearest to 0 that minimum, maximum, their exclusive forms and multipleOf allow.

    If no number fits, it returns one that does not.
    """
    step = _step(flat, is_whole=is_whole)
    bound = _bound(flat, 1) or _bound(flat, -1)
    if bound is None:
        return 0
    sign, reach = bound
    number = sign * _beyond(reach, step)
    return int(number) if number.denominator == 1 else float(number)


def _bound(flat: dict[str, Any], sign: int) -> tuple[int, _Bound] | None:
    """Returns the bound that keeps the number away from 0 on one side, if any."""
    near, far = ("minimum", "maximum") if sign > 0 else ("maximum", "minimum")
    inclusive, exclusive = (_distance(flat.get(name), sign) for name in (near, _exclusive(near)))
    ends = [_distance(flat.get(name), sign) for name in (far, _exclusive(far))]
    end = min((one for one in ends if one is not None), default=None)
    if exclusive is not None and exclusive >= max(0, inclusive or 0):
        return sign, _Bound(exclusive, passed=True, end=end)
    if inclusive is not None and inclusive > 0:
        return sign, _Bound(inclusive, passed=False, end=end)
    return None


def _exclusive(name: str) -> str:
    return f"exclusive{name.capitalize()}"


def _distance(value: float | None, sign: int) -> Fraction | None:
    return None if value is None else sign * exact(value)


def _step(flat: dict[str, Any], *, is_whole: bool) -> Fraction | None:
    if "multipleOf" not in flat:
        return Fraction(1) if is_whole else None
    step = exact(flat["multipleOf"])
    return least_common_multiple(step, Fraction(1)) if is_whole else step


def _beyond(bound: _Bound, step: Fraction | None) -> Fraction:
    """Returns the smallest number that reaches the bound; a multiple of `step` if that is given."""
    if step is None and not bound.passed:
        return bound.at
    stride = step or Fraction(1)
    multiple = math.floor(bound.at / stride) + 1 if bound.passed else math.ceil(bound.at / stride)
    number = multiple * stride
    if step is None and bound.end is not None and number >= bound.end:
        return (bound.at + bound.end) / 2
    return number
