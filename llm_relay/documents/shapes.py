"""The shape of JSON objects: what must be so before their values can be checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BeforeValidator, ValidationError
from pydantic_core import PydanticCustomError

from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import Violation

_TEXTS = {
    "missing": "is required",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a JSON object",
    "mapping_type": "must be a JSON object",
}
"""What to say for pydantic's own errors. Its texts could hold a caller's values."""


def members_of(document: Any, *, exactly_one: bool = False) -> BeforeValidator:
    """Makes the check that a value is an object with members of this TypedDict only; null is the same as absent.

    There is one error for each object, whatever is wrong with it. pydantic would make one for each unknown member, and
    there can be hundreds of thousands in a body.
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
    """Makes an error with this text, which must not hold a caller's values."""
    return PydanticCustomError("shape", "{text}", {"text": text})


def shape_violations(error: ValidationError) -> Iterator[Violation]:
    """Yields what is wrong with the shape, each with its place."""
    for detail in error.errors(include_url=False, include_input=False):
        yield Violation(_place(detail["loc"]), _text(detail))


def _text(detail: Any) -> str:
    match detail["type"]:
        case "shape":
            return str(detail["msg"])
        case "too_long":
            return f"must have {detail['ctx']['max_length']} at most"
        case kind:
            return _TEXTS.get(kind, "is not valid")


def _place(loc: Iterable[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown_name(part)}" for part in loc)
    return "".join(parts).removeprefix(".")
