"""Members of a request that are ignored: which ones, and the header that names them to the caller."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from gateway.openai.bodies.base import Shape

_MOST_TOLD = 20


def ignored_header(names: Iterable[str]) -> str:
    """Returns the value of `x-relay-ignored`: at most 20 names, with `?` for names that a header cannot contain."""
    shown = (name if re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", name) else "?" for name in names)
    return ",".join([*dict.fromkeys(shown)][:_MOST_TOLD])


def unknown_names(shape: Shape, prefix: str = "") -> Iterator[str]:
    """Yields the dotted names of all unknown members, without list indices."""
    if shape.model_extra:
        for name, value in shape.model_extra.items():
            if value is not None and value != []:  # SDKs send empty members
                yield f"{prefix}{name}"
    for name in _names_of_objects(type(shape)):
        if (value := getattr(shape, name)) is not None:
            yield from _unknown_within(value, f"{prefix}{name}.")


@functools.cache
def _names_of_objects(kind: type[Shape]) -> tuple[str, ...]:
    """Returns the members whose values may be objects with their own shape."""
    fields = kind.model_fields.items()
    return tuple(name for name, field in fields if _has_shape(field.annotation))


def _has_shape(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return True
    return any(map(_has_shape, get_args(annotation)))


def _unknown_within(value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, Shape):
        yield from unknown_names(value, prefix)
    elif isinstance(value, list):
        for element in value:
            yield from _unknown_within(element, prefix)
