"""Checks JSON values by the keywords that the mock knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server_b.providers.mock.json_schema import Flat, Schema, SchemaReader
from server_b.providers.mock.schema_merge import canonical, exact, is_same, types_of


def is_valid(value: object, schema: Schema, reader: SchemaReader, depth: int = 0) -> bool:
    """Tells whether a value satisfies a schema; of anyOf and oneOf, the first branch. Formats are not checked."""
    return is_valid_flat(value, reader.direct(schema), reader, depth) and all(
        is_valid(value, branch, reader, depth + 1) for branch in reader.branches(schema, depth)
    )


def is_valid_flat(value: object, flat: Flat, reader: SchemaReader, depth: int) -> bool:
    """Tells whether a value satisfies the keywords of a schema without combinations."""
    if "type" in flat and not any(_IS_TYPE[kind](value) for kind in types_of(flat["type"])):
        return False
    if "enum" in flat and not any(is_same(value, one) for one in flat["enum"]):
        return False
    if "const" in flat and not is_same(value, flat["const"]):
        return False
    if isinstance(value, str):
        return _is_within(len(value), flat, "minLength", "maxLength")
    if _is_number(value):
        return _is_valid_number(value, flat)
    if isinstance(value, list):
        return _is_valid_list(value, flat, reader, depth)
    return _is_valid_object(value, flat, reader, depth) if isinstance(value, dict) else True


def _is_within(size: Any, flat: Flat, least: str, most: str) -> bool:
    return (least not in flat or size >= flat[least]) and (most not in flat or size <= flat[most])


def _is_valid_number(value: Any, flat: Flat) -> bool:
    return (
        _is_within(value, flat, "minimum", "maximum")
        and ("exclusiveMinimum" not in flat or value > flat["exclusiveMinimum"])
        and ("exclusiveMaximum" not in flat or value < flat["exclusiveMaximum"])
        and ("multipleOf" not in flat or exact(value) % exact(flat["multipleOf"]) == 0)
    )


def _is_valid_list(value: list[Any], flat: Flat, reader: SchemaReader, depth: int) -> bool:
    if flat.get("uniqueItems") and len(set(map(canonical, value))) < len(value):
        return False
    items = flat.get("items", True)
    return _is_within(len(value), flat, "minItems", "maxItems") and all(
        is_valid(item, items, reader, depth + 1) for item in value
    )


def _is_valid_object(value: dict[str, Any], flat: Flat, reader: SchemaReader, depth: int) -> bool:
    properties, others = flat.get("properties", {}), flat.get("additionalProperties", True)
    return all(name in value for name in flat.get("required", ())) and all(
        is_valid(member, properties.get(name, others), reader, depth + 1) for name, member in value.items()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS_TYPE: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
