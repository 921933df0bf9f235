"""Merges two schemas that must both hold, keyword by keyword."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any


def merge_into(flat: dict[str, Any], other: dict[str, Any]) -> None:
    """Adds the keywords of another schema to `flat`. Of two values of const or format, the first stays."""
    for keyword, value in other.items():
        if keyword not in flat:
            flat[keyword] = value
        elif merge := _MERGES.get(keyword):
            flat[keyword] = merge(flat[keyword], value)


def exact(number: float) -> Fraction:
    """Returns a number exactly as it is written: 0.1 is one tenth."""
    return Fraction(str(number))


def least_common_multiple(one: Fraction, other: Fraction) -> Fraction:
    """Returns the smallest number that is a multiple of both."""
    return Fraction(math.lcm(one.numerator, other.numerator), math.gcd(one.denominator, other.denominator))


def is_same(one: object, other: object) -> bool:
    """Tells whether two JSON values are equal; true is not 1."""
    return canonical(one) == canonical(other)


def canonical(value: object) -> str:
    """Returns a text that is the same for equal JSON values."""
    return json.dumps(value, sort_keys=True)


def types_of(value: str | list[str]) -> list[str]:
    """Returns the types that the keyword `type` names."""
    return value if isinstance(value, list) else [value]


def _common_types(one: str | list[str], other: str | list[str]) -> list[str]:
    # An integer is also a number: `number` and `integer` together mean `integer`.
    ours, theirs = types_of(one), types_of(other)
    both = [kind for kind in ours if kind in theirs or (kind == "integer" and "number" in theirs)]
    return both + ["integer" for kind in ours if kind == "number" and kind not in theirs and "integer" in theirs]


def _both(one: Any, other: Any) -> dict[str, Any]:
    return {"allOf": [one, other]}


def _properties(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**one, **{name: _both(one[name], schema) if name in one else schema for name, schema in other.items()}}


def _multiples(one: float, other: float) -> float:
    return float(least_common_multiple(exact(one), exact(other)))


_MERGES: dict[str, Callable[[Any, Any], Any]] = {
    "type": _common_types,
    "enum": lambda one, other: [value for value in one if any(is_same(value, another) for another in other)],
    "properties": _properties,
    "required": lambda one, other: [*one, *other],
    "items": _both,
    "additionalProperties": _both,
    "multipleOf": _multiples,
    "uniqueItems": lambda one, other: one or other,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems"), min),
}
