"""JSON schemas of the documents: short, without references, and with a type for every property."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

JsonSchema = dict[str, Any]

_ROOT = "#/$defs/"


class _PlainSchema(GenerateJsonSchema):
    """What may be null keeps a `type`, as `["string", "null"]`, and defaults are left out: all are null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Returns the schema of the value itself, with null as one more type."""
        inner = self.generate_inner(schema["schema"])
        return {**inner, "type": [inner["type"], "null"]} if "type" in inner else super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Returns the schema of the value itself."""
        return self.generate_inner(schema["schema"])


def body_schema(model: type[BaseModel]) -> JsonSchema:
    """Returns the schema of a JSON body: null is the same as absent."""
    return _without_references(model.model_json_schema(schema_generator=_PlainSchema))


def arguments_schema(model: type[BaseModel]) -> JsonSchema:
    """Returns the schema of a tool's arguments, in the few keywords that every model provider takes.

    It has one type for each property, and no patterns. What it leaves out is checked when the tool is called.
    """
    return _without(cast("JsonSchema", _plain(body_schema(model))), "description")


def _without_references(schema: JsonSchema) -> JsonSchema:
    definitions = schema.pop("$defs", {})

    def resolved(value: object) -> object:
        if isinstance(value, list):
            return [resolved(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return resolved({**definitions[value["$ref"].removeprefix(_ROOT)], **_without(value, "$ref")})
        # The title of a class is a text; that of a property of this name is a schema.
        return {name: resolved(one) for name, one in value.items() if name != "title" or isinstance(one, dict)}

    return cast("JsonSchema", resolved(schema))


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    schema = {name: _plain(one) for name, one in value.items() if name not in ("pattern", "examples")}
    if isinstance(kinds := schema.get("type"), list):
        schema["type"] = next(kind for kind in kinds if kind != "null")
    return schema


def _without(schema: JsonSchema, name: str) -> JsonSchema:
    return {key: value for key, value in schema.items() if key != name}
