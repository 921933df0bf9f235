"""Checks the shape of JSON objects, before their values are checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BeforeValidator, ValidationError
from pydantic_core import PydanticCustomError

from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import Violation
from llm_relay.validation_texts import validation_text


def members_of(document: Any, *, exactly_one: bool = False) -> BeforeValidator:
    """Returns a check that a value is an object with members of this TypedDict only. Null is the same as absent.

    It reports one error for each object. pydantic would report one for each unknown member, and a body can have
    hundreds of thousands.
    """
    names: tuple[str, ...] = tuple(document.__annotations__)

    def check(value: object) -> object:
        if not isinstance(value, Mapping):
            raise shape_error("must be a JSON object")
        given = {name: member for name, member in value.items() if member is not None}
        for name in given:
            if name not in names:
                raise shape_error(f"{shown_name(name)} is not a known field; the fields are {', '.join(names)}")
        if exactly_one and len(given) != 1:
            raise shape_error(f"must have exactly one of {', '.join(names)}")
        return given

    return BeforeValidator(check)


def shape_error(text: str) -> PydanticCustomError:
    """Returns an error with this text, which must not contain a caller's values."""
    return PydanticCustomError("shape", "{text}", {"text": text})


def shape_violations(error: ValidationError) -> Iterator[Violation]:
    """Yields the errors of the shape, each with its place."""
    for detail in error.errors(include_url=False, include_input=False):
        yield Violation(_place(detail["loc"]), _text(detail))


def _text(detail: Any) -> str:
    kind = detail["type"]
    if kind == "shape":
        return str(detail["msg"])
    return validation_text(kind, detail.get("ctx", {})) or "is not valid"


def _place(loc: Iterable[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown_name(part)}" for part in loc)
    return "".join(parts).removeprefix(".")
