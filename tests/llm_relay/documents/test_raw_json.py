"""Arguments keep their exact text, wherever they are in a body."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_relay.documents import RawJson, parse_json
from llm_relay.documents.raw_json import RAW_MEMBERS, json_text
from llm_relay.errors import InvalidRequest

ARGUMENTS = '{ "b": 9007199254740993,\n\t"a" : [1.0, 1e400, 12345678901234567890123],"s":"}\\"\\u00e4 {"}'


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"arguments": %s }', {"arguments": RawJson(ARGUMENTS)}),
        ('{"a":[{"arguments":%s,"b":1}]}', {"a": [{"arguments": RawJson(ARGUMENTS), "b": 1}]}),
        ('{"structured" :%s}', {"structured": RawJson(ARGUMENTS)}),
        (
            '{"x": {"arguments": 1, "y": {"arguments": %s}}, "arguments": "s"}',
            {
                "x": {"arguments": RawJson("1"), "y": {"arguments": RawJson(ARGUMENTS)}},
                "arguments": RawJson('"s"'),
            },
        ),
        ('["arguments", {"a": "arguments"}, %s]', None),
    ],
)
def test_the_text_of_arguments_is_kept(body: str, value: Any) -> None:
    found = parse_json((body % ARGUMENTS).encode())
    if value is None:
        assert isinstance(found, list)
        assert found[:2] == ["arguments", {"a": "arguments"}]
    else:
        assert found == value


def test_a_member_whose_only_name_is_escaped_is_ordinary_json() -> None:
    found = parse_json(f'{{"\\u0061rguments": {ARGUMENTS}}}'.encode())
    assert found == {"arguments": {"b": 9007199254740993, "a": [1.0, math.inf, 1.2345678901234568e22], "s": '}"ä {'}}


def test_a_member_whose_name_is_escaped_keeps_its_text_too_if_another_does() -> None:
    found = parse_json(b'[{"\\u0061rguments": 1.0}, {"arguments": 2.0}]')
    assert found == [{"arguments": RawJson("1.0")}, {"arguments": RawJson("2.0")}]


@pytest.mark.parametrize(
    "body", ['{"arguments": {}', '{"arguments": }', '{"arguments": nope}', '{"arguments": 1}}', '{"arguments" 1}']
)
def test_a_malformed_body_is_refused_with_arguments_too(body: str) -> None:
    with pytest.raises(InvalidRequest, match="is not valid JSON"):
        parse_json(body.encode())


def test_duplicate_arguments_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="arguments: must not be given twice"):
        parse_json(b'{"arguments": 1, "arguments": 2}')


_names = st.sampled_from(["arguments", "structured", "a", 'q"', "\\", ""])
_values = st.recursive(
    st.none() | st.integers(-99, 99) | st.text('a"\\{}[],:', max_size=4) | st.just("arguments"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=12,
)


def unraw(value: Any) -> Any:
    if isinstance(value, RawJson):
        return json.loads(value.text)
    if isinstance(value, list):
        return [unraw(one) for one in value]
    return {name: unraw(one) for name, one in value.items()} if isinstance(value, dict) else value


@given(_values, st.sampled_from([None, 1, "\t"]))
def test_the_meaning_of_a_body_stays_the_same(value: Any, indent: int | str | None) -> None:
    found = parse_json(json.dumps(value, indent=indent).encode())
    assert unraw(found) == value
    if isinstance(value, dict):
        for name in RAW_MEMBERS & value.keys():
            assert isinstance(found, dict)
            assert isinstance(found[name], RawJson)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [9007199254740993, "ä"]}, '{"b":1,"a":[9007199254740993,"ä"]}'),
        (RawJson("{ }"), "{ }"),
        (
            {"properties": {"arguments": RawJson('{ "type": "object" }')}},
            '{"properties":{"arguments":{"type":"object"}}}',
        ),
    ],
)
def test_a_value_is_written_as_text(value: object, text: str) -> None:
    assert json_text(value) == text


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, b"bytes"])
def test_text_that_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a JSON value"):
        json_text(value)


def test_a_large_body_with_arguments_is_parsed_quickly() -> None:
    text = "x" * 3_000_000
    found = parse_json(json.dumps({"data": text, "arguments": {"a": text}}).encode())
    assert isinstance(found, dict)
    assert len(found["data"]) == len(text)
    assert re.fullmatch(r'\{"a": "x+"\}', found["arguments"].text)
