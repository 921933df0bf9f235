"""The part of JSON Schema that the mock knows: keywords, and references and combinations within one schema.

Remote references, patterns and all other keywords are unsupported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from urllib.parse import unquote

from llm_relay.errors import ProviderRejected, Unsupported, Violation
from server_b.providers.mock.schema_merge import merge_into, types_of

Schema: TypeAlias = dict[str, Any] | bool
Flat: TypeAlias = dict[str, Any]
"""A schema without references and combinations."""

MAX_DEPTH = 32
MAX_STEPS = 100_000
"""Limit on the work for one schema: a small schema can refer to itself without end."""
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_schema(value: object) -> bool:
    return isinstance(value, dict | bool)


def _are_schemas(value: Any) -> bool:
    return _are_values(value) and all(map(_is_schema, value))


def _are_named_schemas(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_schema, value.values()))


def _are_values(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_types(value: Any) -> bool:
    types = types_of(value)
    return len(types) > 0 and all(kind in TYPES for kind in types)


COMBINED: dict[str, Callable[[Any], bool]] = {
    "$ref": _is_text,
    "allOf": _are_schemas,
    "anyOf": _are_schemas,
    "oneOf": _are_schemas,
}
DIRECT: dict[str, Callable[[Any], bool]] = {
    "type": _are_types,
    "enum": _are_values,
    "const": lambda _: True,
    "properties": _are_named_schemas,
    "required": _are_names,
    "additionalProperties": _is_schema,
    "items": _is_schema,
    "uniqueItems": _is_flag,
    "format": _is_text,
    "multipleOf": _is_positive,
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength"), _is_count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
}
"""Keywords that determine values, with a check of the value of each."""
REMARKS = frozenset(
    (
        *("$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "title", "description", "default"),
        *("example", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "nullable"),
    )
)
"""Keywords that do not affect which values are valid."""


class SchemaReader:
    """Reads the schemas within one root schema. Errors begin with `field`, the field that contains the root."""

    def __init__(self, root: dict[str, Any], field: str) -> None:
        self._root = root
        self._field = field
        self._left = MAX_STEPS

    def unsupported(self, text: str) -> Unsupported:
        """Returns the error for something that the mock cannot do."""
        return Unsupported.of_field(self._field, f"the mock {text}")

    def flat(self, schema: Schema, depth: int) -> Flat:
        """Returns a schema with its reference and combinations merged into it; of anyOf and oneOf, the first branch."""
        flat = self.direct(schema)
        for branch in self.branches(schema, depth):
            merge_into(flat, self.flat(branch, depth + 1))
        return flat

    def direct(self, schema: Schema) -> Flat:
        """Returns the schema's own keywords that determine values."""
        if isinstance(schema, bool):
            return {} if schema else {"enum": []}
        self._left -= 1 + sum(len(value) for value in schema.values() if isinstance(value, dict | list))
        if self._left < 0:
            raise self.unsupported("reads no schema that refers to itself that often")
        for keyword, value in schema.items():
            self._check(keyword, value)
        return {keyword: value for keyword, value in schema.items() if keyword in DIRECT}

    def _check(self, keyword: str, value: object) -> None:
        if keyword in REMARKS:
            return
        is_valid = DIRECT.get(keyword) or COMBINED.get(keyword)
        if is_valid is None:
            raise self.unsupported(f"does not know the JSON Schema keyword {keyword[:40]!a}")
        if not is_valid(value):
            fault = f"the value of {keyword} is not valid in a JSON Schema"
            raise ProviderRejected(f"{self._field}: {fault}", violations=(Violation(self._field, fault),))

    def branches(self, schema: Schema, depth: int) -> Iterator[Schema]:
        """Yields the schemas that must hold together with `schema`; `depth` is how deeply it is nested."""
        if isinstance(schema, bool):
            return
        if depth > MAX_DEPTH:
            raise self.unsupported(f"makes no value from schemas more than {MAX_DEPTH} deep; is there a $ref loop?")
        if "$ref" in schema:
            yield self._referred(schema["$ref"])
        yield from schema.get("allOf", ())
        yield from schema.get("anyOf", ())[:1]
        yield from schema.get("oneOf", ())[:1]

    def _referred(self, reference: str) -> Schema:
        if not reference.startswith("#"):
            raise self.unsupported("does not follow a $ref to another document")
        _, *names = unquote(reference[1:]).split("/")
        found: Any = self._root if names or reference == "#" else None
        for name in names:
            found = _member(found, name.replace("~1", "/").replace("~0", "~"))
        if not isinstance(found, dict | bool):
            raise self.unsupported("finds no schema at a $ref: it must be a JSON pointer, such as #/$defs/name")
        return found


def _member(value: object, name: str) -> object:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isascii() and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    return None
