"""The base of OpenAI's request bodies. Unknown members are kept, so that they can be reported to the caller."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """An object of a request. `model_extra` contains its unknown members."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, protected_namespaces=(), defer_build=True)


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
