"""How much memory a message takes."""

from __future__ import annotations

from collections.abc import Mapping
from sys import getsizeof


def held_bytes(value: object) -> int:
    """Returns how much memory a value and its contents take, in bytes.

    It knows the types that messages consist of: texts, bytes, numbers, enums, tuples, mappings and slotted dataclasses.
    """
    if isinstance(value, tuple):
        return getsizeof(value) + sum(map(held_bytes, value))
    if isinstance(value, Mapping):
        return getsizeof(value) + sum(held_bytes(key) + held_bytes(held) for key, held in value.items())
    slots = getattr(type(value), "__slots__", ())
    return getsizeof(value) + sum(held_bytes(getattr(value, name)) for name in slots)
