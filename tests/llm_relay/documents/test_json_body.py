"""JSON bodies: strict, and with an error that says what is wrong."""

import json
from typing import Any

import pytest

from llm_relay.documents import parse_json
from llm_relay.documents.json_body import MAX_VALUES
from llm_relay.errors import InvalidRequest

HI = '{"message": "Hi"}'


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "ä€😀"]}, "x", 12345678901234567890, {"": {"": {}}}])
def test_good_json_is_read_as_it_is(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value
    assert parse_json(bytearray(json.dumps(value).encode("utf-8-sig"))) == value


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "is empty: send a JSON object"),
        (b"{", "is not valid JSON at line 1, column 2"),
        (b'{"a": 1}\n}', "is not valid JSON at line 2, column 1"),
        (b'{"a": "\xff"}', "is not valid UTF-8 at byte 7"),
        (b"\xef\xbb\xbf", "is empty: send a JSON object"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "is not valid JSON"),
        (HI.encode("utf-16"), "is UTF-16: send it as UTF-8"),
        (HI.encode("utf-16-le"), "is UTF-16: send it as UTF-8"),
        (HI.encode("utf-16-be"), "is UTF-16: send it as UTF-8"),
        (HI.encode("utf-32"), "is UTF-32: send it as UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"a":' * 100_000, "is nested too deeply"),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_unreadable_json_is_refused_with_the_cause(body: bytes, text: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^\(body\): {text}"):
        parse_json(body)


@pytest.mark.parametrize(
    "body", [b'{"a": 1, "b": {"c": 1, "c": 2}}', b'{"\\u0061": 1, "a": 2}', b'[{"x": 1}, {"y": 1, "y": 1}]']
)
def test_a_duplicate_name_is_refused_at_any_depth(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="must not be given twice"):
        parse_json(body)


@pytest.mark.parametrize(
    "body",
    [
        "{" + ", ".join(f'"{number}": 1' for number in range(MAX_VALUES)) + "}",
        "[" + "1," * (MAX_VALUES + 1) + "1]",
        "[" + '{"a":1},' * MAX_VALUES + "{}]",
        '["' + ",:" * MAX_VALUES + '"' + ",[]" * (MAX_VALUES + 1) + "]",
    ],
    ids=["members", "numbers", "objects", "behind a text"],
)
def test_more_values_than_a_prompt_can_need_are_refused_before_parsing(body: str) -> None:
    with pytest.raises(InvalidRequest, match="has more than 250000 values"):
        parse_json(body.encode())


@pytest.mark.parametrize("text", [",:" * MAX_VALUES, '\\",:' * MAX_VALUES, "\\\\,:" * MAX_VALUES])
def test_a_text_may_have_any_number_of_commas_and_colons(text: str) -> None:
    document = parse_json(f'{{"message": "{text}"}}'.encode())
    assert isinstance(document, dict)
    assert document["message"].count(",:") == MAX_VALUES


@pytest.mark.parametrize("end", ["", "\\", '\\"'])
def test_a_text_without_an_end_is_malformed(end: str) -> None:
    with pytest.raises(InvalidRequest, match="is not valid JSON"):
        parse_json(('{"message": "' + '\\",:' * MAX_VALUES + end).encode())
