"""JSON schemas of the documents: short, without references, and with a type for every property."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

JsonSchema = dict[str, Any]

_ROOT = "#/$defs/"
_NULLABLE = "x-nullable"
"""Marks a schema until its references are resolved: a reference has no type that null could be added to."""


class _PlainSchema(GenerateJsonSchema):
    """A nullable value has a `type` such as `["string", "null"]`. Defaults are left out, because all are null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Returns the schema of the value itself, with null as one more type."""
        return {**self.generate_inner(schema["schema"]), _NULLABLE: True}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Returns the schema of the value itself."""
        return self.generate_inner(schema["schema"])


def body_schema(model: type[BaseModel]) -> JsonSchema:
    """Returns the schema of a JSON body: null is the same as absent."""
    return _without_references(model.model_json_schema(schema_generator=_PlainSchema))


def arguments_schema(model: type[BaseModel], *, in_full: Collection[str] = ()) -> JsonSchema:
    """Returns the schema of a tool's arguments, with only the keywords that every model provider accepts.

    Each property has one type, no pattern and no length limit. Only the properties `in_full` show the members of their
    objects and lists, because the schema is in every prompt of a client. The descriptions of the others name the
    members, and everything is checked when the tool is called.
    """
    schema = body_schema(model)
    properties = {name: _argument(one, in_full=name in in_full) for name, one in schema["properties"].items()}
    return {"type": "object", "properties": properties, **_limits(schema)}


def result_schema(document: type) -> JsonSchema:
    """Returns the schema of a tool's result, a TypedDict: its members, their types, and descriptions of its objects.

    It is short, because clients put the schemas of all tools into the model's prompt.
    """
    schema = _without_references(TypeAdapter[Any](document).json_schema(schema_generator=_PlainSchema))
    return {"type": "object", "properties": {name: _result(one) for name, one in schema["properties"].items()}}


_ARGUMENT_KEYWORDS = ("description", "enum", "minimum", "maximum")


def _argument(schema: JsonSchema, *, in_full: bool) -> JsonSchema:
    argument = {keyword: schema[keyword] for keyword in ("type", *_ARGUMENT_KEYWORDS) if keyword in schema}
    if isinstance(kinds := schema["type"], list):  # a model leaves out null values
        argument["type"] = next(kind for kind in kinds if kind != "null")
    if in_full and "properties" in schema:
        argument["properties"] = {name: _argument(one, in_full=False) for name, one in schema["properties"].items()}
    if "items" in schema:
        argument["items"] = _without(_argument(schema["items"], in_full=in_full), "description")
    return {**argument, **_limits(schema)} if "properties" in argument else argument


def _limits(schema: JsonSchema) -> JsonSchema:
    return {keyword: schema[keyword] for keyword in ("required", "additionalProperties") if keyword in schema}


def _result(schema: JsonSchema) -> JsonSchema:
    if schema["type"] == "array":
        return {"type": "array", "items": {"type": schema["items"]["type"]}}
    kept = ("type", "description") if schema["type"] == "object" else ("type",)
    return {keyword: schema[keyword] for keyword in kept if keyword in schema}


def _without_references(schema: JsonSchema) -> JsonSchema:
    definitions = schema.pop("$defs", {})

    def resolved(value: object, inside: tuple[str, ...]) -> object:
        if isinstance(value, list):
            return [resolved(one, inside) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            name = value["$ref"].removeprefix(_ROOT)
            if name in inside:
                return {"type": "object"}  # it contains itself
            return resolved({**definitions[name], **_without(value, "$ref")}, (*inside, name))
        # The title of a class is a string. A property named `title` is a schema.
        members = {
            name: resolved(one, inside) for name, one in value.items() if name != "title" or isinstance(one, dict)
        }
        return _nullable(members) if members.pop(_NULLABLE, False) else members

    return cast("JsonSchema", resolved(schema, ()))


def _nullable(schema: JsonSchema) -> JsonSchema:
    kinds = schema["type"]
    return {**schema, "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}


def _without(schema: JsonSchema, name: str) -> JsonSchema:
    return {key: value for key, value in schema.items() if key != name}
