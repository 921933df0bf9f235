"""The shapes that the routes refer to by name."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

# Before Python 3.12 pydantic needs this TypedDict.
from typing_extensions import TypedDict

from gateway.errors.problems import ProblemDocument
from llm_relay.documents import (
    DELTA_DOCUMENTS,
    FinishDocument,
    HealthDocument,
    PromptDocument,
    StreamErrorDocument,
    body_schema,
)

REFERENCE = "#/components/schemas/{model}"


class FoundDocument(TypedDict):
    """Whether this caller had a running call with that id."""

    found: bool


class DeltaDocument(TypedDict):
    """More text of the answer."""

    content: str


# FastAPI adds the shapes of response models itself. These are in events, problems and bodies that it does not see.
_OTHERS: tuple[type[Any], ...] = (
    DeltaDocument,
    *DELTA_DOCUMENTS.values(),
    FinishDocument,
    HealthDocument,
    ProblemDocument,
    StreamErrorDocument,
)


def reference(document: type[Any]) -> dict[str, str]:
    """Returns the reference to a shape."""
    return {"$ref": REFERENCE.format(model=document.__name__)}


def other_schemas() -> dict[str, Any]:
    """Returns the shapes that FastAPI does not find itself, and the shapes within them."""
    shapes: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (shape.__name__, "serialization", TypeAdapter(shape)) for shape in _OTHERS
    ]
    _, definitions = TypeAdapter.json_schemas(shapes, ref_template=REFERENCE)
    return {**definitions["$defs"], PromptDocument.__name__: body_schema(PromptDocument)}
