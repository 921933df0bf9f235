"""Makes the smallest JSON that satisfies a schema: the mock's tool arguments, and its answers in JSON.

It has only the required properties, the shortest texts and lists, the numbers nearest to 0, false rather than true, and
the first of several types, values or schemas.
"""

from __future__ import annotations

import json
from typing import Any

from llm_relay.errors import Unsupported
from server_b.providers.mock.json_schema import MAX_DEPTH, Flat, Schema, SchemaReader
from server_b.providers.mock.least_number import least_number
from server_b.providers.mock.schema_check import is_valid, is_valid_flat
from server_b.providers.mock.schema_merge import types_of

MAX_CHARS = 64 * 1024
"""Approximate limit on the length of the JSON: a small schema can require gigabytes."""

FORMATS = {
    "date-time": "1970-01-01T00:00:00Z",
    "date": "1970-01-01",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "a@example.com",
    "idn-email": "a@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "0.0.0.0",
    "ipv6": "::",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "iri": "https://example.com/",
    "uri-reference": "/",
    "iri-reference": "/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uuid4": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "",
    "regex": "",
    "byte": "",
    "base64url": "",
    "binary": "",
    "password": "",
}
NUMBER_FORMATS = frozenset(("int32", "int64", "float", "double"))

_HINTS = {
    "array": ("items", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""Keywords that imply the type if there is no `type`."""


def least_json(schema_json: str, *, field: str) -> str:
    """Returns the smallest JSON that satisfies a schema; `field` is the name of the schema's field, for errors.

    Raises Unsupported, naming the keyword, for a schema that the mock cannot make a value for, and ProviderRejected for
    something that is not a JSON Schema.
    """
    try:
        schema = json.loads(schema_json)
        reader = SchemaReader(schema, field)
        value = _Maker(reader).make(schema, 0)
        if not is_valid(value, schema, reader):
            raise reader.unsupported("finds no value for the schema: its keywords seem to exclude one another")
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (ValueError, OverflowError) as error:  # Python's own limits
        raise Unsupported.of_field(field, "the mock does not take numbers that large") from error


class _Maker:
    """Makes values. Counts their size, so that it ends."""

    def __init__(self, reader: SchemaReader) -> None:
        self._reader = reader
        self._left = MAX_CHARS

    def make(self, schema: Schema, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._reader.unsupported(f"makes no value more than {MAX_DEPTH} levels deep; is there a $ref loop?")
        self._spend(1)
        flat = self._reader.flat(schema, depth)
        if "const" in flat:
            return flat["const"]
        if "enum" in flat:
            valid = (value for value in flat["enum"] if is_valid_flat(value, flat, self._reader, depth))
            return next(valid, None)
        return self._of_type(_type(flat), flat, depth)

    def _of_type(self, kind: str | None, flat: Flat, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(flat, depth)
            case "array":
                return [self.make(flat.get("items", True), depth + 1) for _ in range(self._size(flat, "minItems"))]
            case "string":
                return self._text(flat)
            case "number" | "integer":
                return self._number(flat, is_whole=kind == "integer")
            case "boolean":
                return False
            case _:
                return None

    def _object(self, flat: Flat, depth: int) -> dict[str, Any]:
        properties, others = flat.get("properties", {}), flat.get("additionalProperties", True)
        required = dict.fromkeys(flat.get("required", ()))
        declared = [name for name in properties if name in required]
        value = {}
        for name in dict.fromkeys((*declared, *required)):
            self._spend(len(name))
            value[name] = self.make(properties.get(name, others), depth + 1)
        return value

    def _text(self, flat: Flat) -> str:
        text = FORMATS.get(wanted := flat.get("format", "binary"))
        if text is None:
            raise self._reader.unsupported(f"does not know the JSON Schema format {wanted[:40]!a}")
        self._spend(len(text))
        return text or "a" * self._size(flat, "minLength")

    def _number(self, flat: Flat, *, is_whole: bool) -> int | float:
        if flat.get("format", "double") not in NUMBER_FORMATS:
            raise self._reader.unsupported("does not know this JSON Schema format of numbers")
        return least_number(flat, is_whole=is_whole)

    def _size(self, flat: Flat, keyword: str) -> int:
        size: int = flat.get(keyword, 0)
        self._spend(size)
        return size

    def _spend(self, chars: int) -> None:
        self._left -= chars
        if self._left < 0:
            raise self._reader.unsupported(f"makes no JSON of more than {MAX_CHARS // 1024} KiB")


def _type(flat: Flat) -> str | None:
    if "type" in flat:
        return next(iter(types_of(flat["type"])), None)
    return next((kind for kind, hints in _HINTS.items() if any(hint in flat for hint in hints)), "object")
