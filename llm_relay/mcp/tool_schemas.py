"""JSON schemas of tools, short and in the subset that every model's vendor accepts.

Clients put the schemas into the model's prompt, where each character costs money. Gemini refuses `$ref`, `const` and
a property without a type; OpenAI's strict mode refuses open objects. So references are inlined, titles are left out,
and every property has a type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]

NO_ARGUMENTS: Schema = {"type": "object", "properties": {}, "additionalProperties": False}

_LEFT_OUT = frozenset({"$defs", "$ref", "title", "default", "const", "anyOf"})
_ANY_OBJECT: Schema = {"type": "object"}


def output_schema(adapter: TypeAdapter[Any]) -> Schema:
    """Returns the schema of what the adapter validates, for a tool's structured content."""
    schema = adapter.json_schema(mode="serialization")
    return _Inliner(schema.get("$defs", {})).inlined(schema)


class _Inliner:
    """Rewrites schemas with the definitions that their references name."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._open: list[str] = []
        """The definitions around the schema that is being rewritten: a reference to one of them would never end."""

    def inlined(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            return self._referenced(schema) | self._kept(schema)
        if "anyOf" in schema:
            return self._union(schema["anyOf"]) | self._kept(schema)
        if "const" in schema:
            return self._kept(schema) | {"enum": [schema["const"]]}
        return self._kept(schema)

    def _kept(self, schema: Schema) -> Schema:
        return {key: self._value(key, value) for key, value in schema.items() if key not in _LEFT_OUT}

    def _value(self, key: str, value: Any) -> Any:
        if key == "properties":
            return {name: self.inlined(member) for name, member in value.items()}
        if key in ("items", "additionalProperties") and isinstance(value, dict):
            return self.inlined(value)
        return value

    def _referenced(self, schema: Schema) -> Schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name in self._open:
            return _ANY_OBJECT
        self._open.append(name)
        try:
            return self.inlined(self._definitions[name])
        finally:
            self._open.pop()

    def _union(self, members: list[Schema]) -> Schema:
        schemas = [self.inlined(member) for member in members]
        if all(schema.keys() == {"type"} for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}
