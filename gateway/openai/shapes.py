"""What the bodies of OpenAI's requests share: unknown members are kept, so that the caller can be told of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """An object of a request. It keeps the members that it does not know in `model_extra`."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


def unknown_names(shape: Shape, prefix: str = "") -> Iterator[str]:
    """Yields the dotted names of all members that the shapes do not know, without the indices of lists."""
    for name, value in (shape.model_extra or {}).items():
        if value is not None and value != []:  # SDKs write members that say nothing
            yield f"{prefix}{name}"
    for name in type(shape).model_fields:
        yield from _unknown_within(getattr(shape, name), f"{prefix}{name}.")


def _unknown_within(value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, Shape):
        yield from unknown_names(value, prefix)
    elif isinstance(value, list):
        for element in value:
            yield from _unknown_within(element, prefix)
