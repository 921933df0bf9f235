"""The mock makes the smallest JSON that satisfies a schema, and refuses unsupported keywords by name."""

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_relay.errors import ProviderRejected, Unsupported
from server_b.providers.mock.least_json import FORMATS, least_json

FIELD = "options.response_format.schema_json"
COLOUR = {"$defs": {"colour": {"enum": ["red", "blue"]}}}
DRAFT = "https://json-schema.org/draft/2020-12/schema"
LIST = {"type": "object", "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}}, "required": ["next"]}


def least(schema: Any) -> Any:
    return json.loads(least_json(json.dumps(schema), field=FIELD))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        ({"type": "object"}, {}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        (
            {"properties": {"b": {"type": "null"}, "a": {"type": "boolean"}}, "required": ["a", "b"]},
            {"b": None, "a": False},
        ),
        ({"type": "object", "required": ["a"]}, {"a": {}}),
        ({"type": "object", "required": ["a"], "additionalProperties": {"type": "integer"}}, {"a": 0}),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}, {}),
        ({"type": "array"}, []),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}, [0, 0]),
        ({"minItems": 1}, [{}]),
        ({"type": "array", "uniqueItems": True, "items": {"type": "string"}}, []),
        ({"type": "string"}, ""),
        ({"type": "string", "minLength": 3, "maxLength": 5}, "aaa"),
        ({"minLength": 1}, "a"),
        ({"type": ["string", "null"]}, ""),
        ({"type": ["null", "string"]}, None),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "integer", "enum": ["b", 2]}, 2),
        ({"const": {"a": [1]}}, {"a": [1]}),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "minimum": 4.5}, 5),
        ({"type": "integer", "maximum": -5}, -5),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": -5, "maximum": 5}, 0),
        ({"type": "integer", "minimum": 9007199254740993}, 9007199254740993),
        ({"type": "number", "minimum": 0.5}, 0.5),
        ({"type": "number", "exclusiveMinimum": 0}, 1),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, 0.5),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "number", "exclusiveMaximum": -1, "minimum": -1.5}, -1.25),
        ({"multipleOf": 5, "minimum": 1}, 5),
        ({"multipleOf": 0.1, "minimum": 0.25}, 0.3),
        ({"type": "integer", "multipleOf": 2.5, "minimum": 1}, 5),
        ({"type": "integer", "format": "int64"}, 0),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ""),
        ({"oneOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"allOf": [{"type": "number", "minimum": 1}, {"type": "integer", "minimum": 2}]}, 2),
        ({"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "string"}}}]}, {"a": ""}),
        (
            {
                "properties": {"a": {"minimum": 1}},
                "required": ["a"],
                "allOf": [{"properties": {"a": {"type": "integer", "minimum": 3}}}],
            },
            {"a": 3},
        ),
        ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 2]}]}, 2),
        ({"allOf": [{"multipleOf": 4}, {"multipleOf": 6}], "minimum": 1}, 12),
        ({"minLength": 1, "anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]}, "aa"),
        ({**COLOUR, "$ref": "#/$defs/colour"}, "red"),
        ({**COLOUR, "type": "array", "minItems": 1, "items": {"$ref": "#/$defs/colour"}}, ["red"]),
        ({"$defs": {"a/b~c": {"type": "null"}}, "$ref": "#/$defs/a~1b~0c"}, None),
        ({"$defs": {"a b": {"type": "null"}}, "$ref": "#/%24defs/a%20b"}, None),
        ({"$ref": "#/allOf/0/items", "allOf": [{"items": {"type": "boolean"}}]}, False),
        (LIST, {"next": None}),
        ({"title": "T", "description": "D", "default": 5, "$schema": DRAFT, "$comment": "C", "examples": [1]}, {}),
        ({"type": "object", "properties": {"a": {"pattern": "^a+$"}}}, {}),
    ],
)
def test_the_value_is_the_smallest_one(schema: dict[str, Any], value: Any) -> None:
    found = least(schema)
    assert (found, type(found)) == (value, type(value))
    if schema.get("multipleOf") != 0.1:  # jsonschema divides in binary
        jsonschema.validate(found, schema)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_text_of_each_format_is_valid(name: str) -> None:
    schema = {"type": "string", "format": name}
    jsonschema.validate(least(schema), schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("pattern", "(a+)+$"),
        ("not", {"type": "string"}),
        ("if", True),
        ("patternProperties", {"a": True}),
        ("propertyNames", {"minLength": 1}),
        ("contains", {"type": "string"}),
        ("prefixItems", [True]),
        ("minProperties", 1),
        ("dependentRequired", {"a": ["b"]}),
        ("unevaluatedProperties", False),
        ("$dynamicRef", "#a"),
        ("unheardOf", 1),
        ("format", "unheard-of"),
        ("$ref", "https://example.com/schema.json"),
        ("$ref", "file:///etc/passwd"),
        ("$ref", "other.json#/$defs/a"),
        ("$ref", "#/$defs/none"),
        ("$ref", "#anchor"),
    ],
)
@pytest.mark.parametrize("is_within", [False, True])
def test_a_schema_that_the_mock_cannot_satisfy_is_unsupported_by_keyword(
    keyword: str, value: Any, *, is_within: bool
) -> None:
    schema = {"type": "string", keyword: value}
    if is_within:
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    with pytest.raises(Unsupported, match=f"^{FIELD}: the mock .*") as refused:
        least(schema)
    assert keyword in refused.value.message


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "string", "minLength": 2, "maxLength": 1},
        {"type": "string", "format": "date", "maxLength": 3},
        {"type": "string", "format": "uri", "minLength": 300},
        {"type": "array", "minItems": 2, "uniqueItems": True},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"const": 1, "type": "string"},
        {"enum": [1], "minimum": 2},
        {"allOf": [{"type": "string"}, {"type": "null"}]},
        {"allOf": [{"const": 1}, {"const": True}]},
        {"allOf": [{"required": ["a"]}, {"additionalProperties": False}]},
    ],
)
def test_a_schema_that_nothing_satisfies_is_unsupported(schema: Any) -> None:
    with pytest.raises(Unsupported, match="finds no value"):
        least({"type": "array", "items": schema, "minItems": 1} if schema is False else schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "array", "minItems": 10**9},
        {"type": "array", "minItems": 1000, "items": {"type": "array", "minItems": 1000}},
        {"type": "string", "minLength": 10**12},
        {
            "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)} | {"d30": {}},
            "$ref": "#/$defs/d0",
        },
        {"enum": [float("1e308")], "minimum": 10**400},
    ],
)
def test_an_endless_or_huge_schema_is_refused_quickly(schema: Any) -> None:
    with pytest.raises((Unsupported, ProviderRejected)):
        least(schema)


def test_numbers_beyond_pythons_limits_are_refused() -> None:
    for text in ('{"minimum": ' + "9" * 5000 + "}", '{"const": 1e400}', '{"enum": [1e400]}'):
        with pytest.raises((Unsupported, ProviderRejected)):
            least_json(text, field=FIELD)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": []},
        {"type": 5},
        {"properties": []},
        {"properties": {"a": 5}},
        {"required": "a"},
        {"required": [1]},
        {"items": [True]},
        {"anyOf": []},
        {"anyOf": {}},
        {"allOf": [5]},
        {"enum": []},
        {"enum": "a"},
        {"minLength": -1},
        {"minLength": "1"},
        {"minItems": 1.5},
        {"minimum": "0"},
        {"minimum": True},
        {"multipleOf": 0},
        {"$ref": 5},
        {"format": 5},
    ],
)
def test_an_invalid_json_schema_is_rejected_by_the_keyword(schema: dict[str, Any]) -> None:
    with pytest.raises(ProviderRejected, match=f"^{FIELD}: the value of .*{next(iter(schema))[1:]}") as rejected:
        least(schema)
    assert [violation.field for violation in rejected.value.violations] == [FIELD]


_numbers = st.integers(-20, 20) | st.sampled_from([-7.5, -0.25, 0.5, 2.25])
_scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
_leaves = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["number", "integer"])},
        optional={
            "minimum": _numbers,
            "maximum": _numbers,
            "exclusiveMinimum": _numbers,
            "exclusiveMaximum": _numbers,
            "multipleOf": st.sampled_from([1, 2, 3, 0.5, 2.25]),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("string")}, optional={"minLength": st.integers(0, 4), "maxLength": st.integers(0, 6)}
    ),
    st.fixed_dictionaries({"enum": st.lists(_scalars, min_size=1, max_size=3)}, optional={"type": st.just("string")}),
    st.fixed_dictionaries({"const": _scalars}),
    st.fixed_dictionaries({"type": st.sampled_from(["null", "boolean", ["string", "null"], ["null", "integer"]])}),
    st.just({}),
    st.just(True),
    st.just({"$ref": "#/$defs/one"}),
)


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    objects = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3)},
        optional={
            "required": st.lists(st.sampled_from("abcd"), max_size=3, unique=True),
            "additionalProperties": inner | st.booleans(),
        },
    )
    lists = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={"items": inner, "minItems": st.integers(0, 2), "maxItems": st.integers(0, 3)},
    )
    return objects | lists | st.fixed_dictionaries({"anyOf": some}) | st.fixed_dictionaries({"allOf": some})


_schemas = st.recursive(_leaves, _larger, max_leaves=8)


@given(_schemas, _schemas)
@settings(deadline=None, max_examples=300)
def test_the_generated_value_satisfies_the_schema(schema: Any, one: Any) -> None:
    root = {"$defs": {"one": one}, "allOf": [schema]}
    try:
        found = least(root)
    except Unsupported as refused:
        assert re.search("finds no value|deep|refers to itself", refused.message)  # noqa: PT017 - otherwise it is valid
        return
    jsonschema.validate(found, root)
