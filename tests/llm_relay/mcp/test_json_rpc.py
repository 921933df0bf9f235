"""Which bytes are read as a message, and the error for others."""

import json

import mcp_types
import pytest

from llm_relay.documents import RawJson
from llm_relay.errors import MAX_VIOLATIONS
from llm_relay.mcp.json_rpc import MessageError, encode_message, read_message

PING = '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'


def call(arguments: str) -> str:
    return f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {{"name": "t", "arguments": {arguments}}}}}'


def error_of(text: str) -> mcp_types.JSONRPCError:
    with pytest.raises(MessageError) as caught:
        read_message(text.encode())
    return caught.value.answer


@pytest.mark.parametrize("text", [PING, "\ufeff" + PING, f" {PING} ", call('{"x": NaN, "y": "\\ud83d"}')])
def test_a_message_is_read(text: str) -> None:
    received = read_message(text.encode())
    assert isinstance(received.message, mcp_types.JSONRPCRequest)
    assert received.repeated_arguments == ()


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", "[" * 100_000, '{"id": 1}', f"[{PING}]", f"{PING}{PING}"])
def test_other_bytes_are_a_parse_error(text: str) -> None:
    assert (error_of(text).error.code, error_of(text).id) == (-32700, None)


def test_bytes_that_are_not_utf8_are_a_parse_error() -> None:
    with pytest.raises(MessageError):
        read_message(PING.encode("utf-16"))


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ('{"a": 1, "a": 2}', ("a",)),
        ('{"a": 1, "b": 1, "a": 2, "b": 2, "a": 3}', ("a", "b")),
        ('{"h": [{"r": 1}, {"r": 1, "r": 2}], "t": {"x": 1, "x": 1}}', ("x", "r")),
        ('{"a": {"b": 1}, "c": {"b": 1}}', ()),
    ],
)
def test_duplicate_members_in_arguments_are_left_to_the_tool(arguments: str, names: tuple[str, ...]) -> None:
    assert read_message(call(arguments).encode()).repeated_arguments == names


def test_no_more_names_are_listed_than_an_error_has_room_for() -> None:
    members = ", ".join(f'"{number:03}{"x" * 50}": 0' for number in range(100))
    names = read_message(call(f"{{{members}, {members}}}").encode()).repeated_arguments
    assert len(names) == MAX_VIOLATIONS
    assert all(len(name) <= 40 for name in names)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (PING.replace('"id": 1', '"id": 1, "id": 1'), "id"),
        (call('{"a": 1}, "arguments": {"b": 1}'), "arguments"),
        (call('{"a": 1, "a": 1}, "arguments": {}'), "arguments"),
    ],
)
def test_duplicate_members_elsewhere_are_an_error_of_the_message(text: str, name: str) -> None:
    answer = error_of(text)
    assert (answer.error.code, answer.id) == (-32600, 1)
    assert name in answer.error.message


def test_a_lone_surrogate_is_written_as_an_escape() -> None:
    answer = mcp_types.JSONRPCResponse(jsonrpc="2.0", id="\ud83d", result={})
    assert json.loads(encode_message(answer))["id"] == "\ud83d"


LETTERS = '{\n "id": 9007199254740993, "n":12345678901234567890123,\t"f": 1.10, "e": 1E2, "s":"\\u00e9/" }'


@pytest.mark.parametrize("place", ["history", "parts"])
def test_raw_values_keep_their_exact_text(place: str) -> None:
    part = f'{{"tool_call": {{"id": "c1", "name": "f", "arguments": {LETTERS}}}}}'
    arguments = f'{{"message": "Hi", "{place}": [{part}], "structured": {LETTERS}, "temperature": 1.0}}'
    raw = read_message(call(arguments).encode()).raw_arguments
    assert raw is not None
    assert raw[place][0]["tool_call"]["arguments"] == RawJson(LETTERS)
    assert raw["structured"] == RawJson(LETTERS)
    assert (raw["message"], raw["temperature"]) == ("Hi", 1.0)


@pytest.mark.parametrize(
    "text", [PING, call("{}"), call('{"message": "Hi"}'), call('{"message": "the \\"arguments\\""}')]
)
def test_a_message_without_raw_values_is_not_parsed_twice(text: str) -> None:
    assert read_message(text.encode()).raw_arguments is None


def test_arguments_elsewhere_are_not_the_tools_arguments() -> None:
    text = call('{"message": "Hi"}').replace('"params": {', '"params": {"_meta": {"arguments": {"x": 1}}, ')
    assert read_message(text.encode()).raw_arguments == {"message": "Hi"}
