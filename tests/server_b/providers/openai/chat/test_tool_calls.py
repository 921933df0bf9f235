"""Tool calls, as servers number, name and split them."""

from typing import Any

import orjson
import pytest

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import FinishReason
from server_b.providers.base import Ending, Opening, Piece, Text
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece
from server_b.providers.openai.chat.answer import AnswerReader


def read(*deltas: dict[str, Any], finish: str = "tool_calls", whole: bool = False) -> list[Piece]:
    reader = AnswerReader("m")
    pieces: list[Piece] = []
    for number, delta in enumerate(deltas):
        reason = finish if number == len(deltas) - 1 else None
        choice = {"index": 0, "message" if whole else "delta": delta, "finish_reason": reason}
        body = orjson.dumps({"model": "m", "choices": [choice]})
        pieces += reader.read(body if whole else b"data: %b\n\n" % body)
    return [*pieces, *reader.end()]


def calls(pieces: list[Piece]) -> dict[tuple[int, str, str], str]:
    """Returns the arguments of each call, by its block, id and name; the relay turns empty ones into `{}`."""
    starts = {one.index: one for one in pieces if isinstance(one, CallStarted)}
    assert [one.index for one in pieces if isinstance(one, CallFinished)] == [*starts]
    return {
        (index, start.id, start.name): "".join(
            one.arguments for one in pieces if isinstance(one, CallArguments) and one.index == index
        )
        or "{}"
        for index, start in starts.items()
    }


def fragment(arguments: object = None, name: str | None = None, id: str | None = None, **index: Any) -> dict[str, Any]:  # noqa: A002 - the wire's own name
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**({"id": id} if id else {}), "type": "function", "function": function, **index}


def delta(*fragments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tool_calls": [*fragments], **more}


TWO = {(0, "c1", "a"): '{"x":1}', (1, "c2", "b"): "{}"}
FORMS = {
    "as the vendor": [
        delta(fragment("", "a", "c1", index=0), role="assistant", content=None),
        delta(fragment('{"x"', index=0)),
        delta(fragment(":1}", index=0)),
        delta(fragment("", "b", "c2", index=1)),
        delta(fragment("{}", index=1)),
    ],
    "interleaved": [
        delta(fragment("", "a", "c1", index=0), fragment("", "b", "c2", index=1)),
        delta(fragment('{"x"', index=0), fragment("{", index=1)),
        delta(fragment("}", index=1), fragment(":1}", index=0)),
    ],
    "all say index 0": [
        delta(fragment('{"x":1}', "a", "c1", index=0)),
        delta(fragment("{}", "b", "c2", index=0)),
    ],
    "all say index 0, in fragments": [
        delta(fragment('{"x"', "a", "c1", index=0)),
        delta(fragment(":1}", index=0)),
        delta(fragment("{", "b", "c2", index=0)),
        delta(fragment("}", index=0)),
    ],
    "no index": [delta(fragment('{"x":1}', "a", "c1")), delta(fragment("{", "b", "c2")), delta(fragment("}"))],
    "no index, the id each time": [
        delta(fragment("", "a", "c1"), fragment("", "b", "c2")),
        delta(fragment('{"x":1}', id="c1"), fragment("{}", id="c2")),
    ],
    "the name each time": [
        delta(fragment('{"x"', "a", "c1", index=0)),
        delta(fragment(":1}", "a", "c1", index=0)),
        delta(fragment("{}", "b", "c2", index=1)),
    ],
    "another id each time": [
        delta(fragment('{"x"', "a", "c1", index=0)),
        delta(fragment(":1}", id="c1b", index=0)),
        delta(fragment("{}", "b", "c2", index=1)),
    ],
    "arguments before the name": [
        delta(fragment('{"x"', id="c1", index=0)),
        delta(fragment(":1}", "a", index=0)),
        delta(fragment("{}", "b", "c2", index=1)),
    ],
    "arguments as objects": [delta(fragment({"x": 1}, "a", "c1", index=0), fragment({}, "b", "c2", index=1))],
    "an object that is empty before the arguments": [
        delta(fragment({}, "a", "c1", index=0)),
        delta(fragment('{"x"', index=0)),
        delta(fragment(":1}", index=0)),
        delta(fragment([], "b", "c2", index=1)),
    ],
    "arguments that are null": [
        delta(fragment(None, "a", "c1", index=0)),
        {"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": '{"x":1}'}}]},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "b", "arguments": None}}]},
    ],
    "an index that is text": [
        delta(fragment('{"x"', "a", "c1", index="0")),
        delta(fragment(":1}", index=0)),
        delta(fragment("{}", "b", "c2", index="1")),
    ],
    "an index that is null": [
        delta(fragment('{"x"', "a", "c1", index=None)),
        delta(fragment(":1}", index=None)),
        delta(fragment("{}", "b", "c2", index=None)),
    ],
    "only the id in a fragment": [
        {"tool_calls": [{"index": 0, "id": "c1"}]},
        delta(fragment("", "a", index=0)),
        delta(fragment('{"x":1}', index=0)),
        {"tool_calls": [{"index": 1, "id": "c2", "function": None}]},
        delta(fragment("{}", "b", index=1)),
    ],
    "the name and another id each time": [
        delta(fragment('{"x"', "a", "c1", index=0)),
        delta(fragment(":", "a", "c1b", index=0)),
        delta(fragment("1}", "a", "c1c", index=0)),
        delta(fragment("{}", "b", "c2", index=1)),
    ],
    "the name each time and no index": [
        delta(fragment('{"x"', "a", "c1")),
        delta(fragment(":1}", "a", "c1")),
        delta(fragment("{", "b", "c2")),
        delta(fragment("}", "b")),
    ],
    "the whole call repeated at its end": [
        delta(fragment('{"x"', "a", "c1", index=0)),
        delta(fragment(":1}", index=0)),
        delta(fragment('{"x":1}', "a", "c1", index=0), fragment("{}", "b", "c2", index=1)),
        delta(fragment("{}", "b", "c2", index=1)),
    ],
    "only the name at its end": [
        delta(fragment('{"x":1}', "a", "c1", index=0)),
        delta(fragment("", "a", "c1", index=0)),
        delta(fragment("{}", "b", "c2", index=1)),
        delta(fragment("", "", "", index=1)),
    ],
    "empty fragments, and null": [
        {"tool_calls": [None, fragment('{"x":1}', "a", "c1", index=0)]},
        delta(fragment("{}", "b", "c2", index=1), fragment("", index=2)),
        {"tool_calls": [{}], "function_call": None},
    ],
    "the index counts the fragments": [
        delta(fragment('{"x"', "a", "c1", index=0)),
        delta(fragment(":1}", id="c1", index=1)),
        delta(fragment("{}", "b", "c2", index=2)),
    ],
    "no function around it": [
        {"tool_calls": [{"id": "c1", "name": "a", "arguments": {"x": 1}, "index": 0}]},
        {"tool_calls": [{"id": "c2", "name": "b", "index": 1}]},
    ],
    "parameters": [
        {"tool_calls": [{"id": "c1", "function": {"name": "a", "parameters": {"x": 1}}}]},
        {"tool_calls": [{"id": "c2", "function": {"name": "b", "parameters": {}}}]},
    ],
    "one call, not a list": [delta(fragment('{"x":1}', "a", "c1")), {"tool_calls": fragment("{}", "b", "c2")}],
}


@pytest.mark.parametrize("form", FORMS)
def test_calls_in_any_form_are_separated(form: str) -> None:
    pieces = read(*FORMS[form])
    assert calls(pieces) == TWO
    assert pieces[-1] == Ending(FinishReason.TOOL_CALLS, None)


def test_a_whole_answer_has_calls_too() -> None:
    message = {"content": None, "tool_calls": [fragment('{"x":1}', "a", "c1"), fragment("{}", "b", "c2")]}
    assert calls(read(message, whole=True)) == TWO


def test_two_calls_of_one_tool_under_one_index_are_two_even_if_their_arguments_are_no_objects() -> None:
    pieces = read(delta(fragment("Paris", "a", "c1", index=0)), delta(fragment("Rome", "a", "c2", index=0)))
    assert calls(pieces) == {(0, "c1", "a"): "Paris", (1, "c2", "a"): "Rome"}


def test_a_call_without_an_id_gets_a_unique_one() -> None:
    pieces = read(delta(fragment("{}", "a", index=0)), delta(fragment("{}", "b", index=1)))
    (_, one, _), (_, other, _) = calls(pieces)
    assert one != other
    assert one.startswith("call_")


IDS = {
    "one id for two tools": [fragment('{"x":1}', "a", "c", index=0), fragment("{}", "b", "c", index=1)],
    "one id and no index": [fragment('{"x":1}', "a", "c"), fragment("{}", "b", "c")],
    "one id and one tool": [fragment('{"x":1}', "a", "c", index=0), fragment('{"x":2}', "a", "c", index=1)],
    "one id, one tool and no index": [fragment('{"x":1}', "a", "c"), fragment('{"x":2}', "a", "c")],
    "an id that is empty, and index 0": [fragment('{"x":1}', "a", index=0), fragment("{}", "b", index=0)],
    "no id and no index": [fragment('{"x":1}', "a"), fragment("{}", "a")],
    "no id, index 0, one tool": [fragment('{"x":1}', "a", index=0), fragment('{"x":1}', "a", index=0)],
    "ids that are numbers": [{**fragment("{}", "a"), "id": 0}, {**fragment("{}", "a"), "id": 1}],
}


@pytest.mark.parametrize("as_deltas", [False, True])
@pytest.mark.parametrize("case", IDS)
def test_no_two_calls_have_the_same_id(case: str, *, as_deltas: bool) -> None:
    """A result names its call by its id."""
    deltas = [delta(one) for one in IDS[case]] if as_deltas else [delta(*IDS[case])]
    (one, other), whole = calls(read(*deltas)), calls(read(delta(*IDS[case]), whole=True))
    assert one[1] != other[1]
    assert all((one[1], other[1]))
    said = [(one.get("function") or {}).get("arguments", "{}") for one in IDS[case]]
    assert [*calls(read(*deltas)).values()] == said
    assert [*whole.values()] == said


def test_calls_of_a_whole_message_are_as_many_as_it_lists() -> None:
    twice = fragment("{}", "roll", "roll")
    assert len(calls(read(delta(twice, twice), whole=True))) == 2


def test_fragments_of_one_id_go_to_the_call_with_their_index() -> None:
    begun = delta(fragment('{"x"', "a", "c", index=0), fragment('{"y"', "a", "c", index=1))
    pieces = read(begun, delta(fragment(":1}", id="c", index=0)), delta(fragment(":2}", id="c", index=1)))
    assert [*calls(pieces).values()] == ['{"x":1}', '{"y":2}']


def test_the_older_function_call_is_a_call() -> None:
    pieces = read({"function_call": {"name": "a", "arguments": '{"x"'}}, {"function_call": {"arguments": ":1}"}})
    assert list(calls(pieces).values()) == ['{"x":1}']


@pytest.mark.parametrize("whole", [False, True])
def test_a_call_that_is_sent_in_both_forms_is_one(*, whole: bool) -> None:
    both = {**delta(fragment("{}", "a", "c1", index=0)), "function_call": {"name": "a", "arguments": "{}"}}
    assert calls(read(both, whole=whole)) == {(0, "c1", "a"): "{}"}


def test_an_answer_with_calls_has_calls_even_if_the_server_says_stop() -> None:
    assert read(delta(fragment("{}", "a", "c1")), finish="stop")[-1] == Ending(FinishReason.TOOL_CALLS, None)


def test_blocks_are_numbered_as_they_begin() -> None:
    pieces = read({"reasoning_content": "hm"}, {"content": "Hi"}, delta(fragment("{}", "a", "c1", index=7)))
    assert pieces[:4] == [Opening("m"), ReasoningPiece(0, "hm"), Text("Hi", index=1), CallStarted(2, "c1", "a")]


def test_big_numbers_in_arguments_keep_every_digit() -> None:
    arguments = '{ "n":12345678901234567890123,"m":1.10 }'
    assert calls(read(delta(fragment(arguments, "a", "c1")))) == {(0, "c1", "a"): arguments}


def test_halves_of_a_character_are_joined_across_fragments() -> None:
    reader = AnswerReader("m")
    pieces: list[Piece] = []
    for text in ('{"a":"\\ud83d', '\\ude00"}'):
        function = b'{"name":"a","arguments":"%b"}' % text.replace('"', '\\"').encode()
        call = b'{"index":0,"id":"c1","function":%b}' % function
        pieces += reader.read(b'data: {"choices":[{"delta":{"tool_calls":[%b]}}]}\n\n' % call)
    pieces += reader.read(b"data: [DONE]\n\n")
    assert calls([*pieces, *reader.end()]) == {(0, "c1", "a"): '{"a":"\U0001f600"}'}


def test_blocks_of_one_read_are_in_the_order_in_which_they_began() -> None:
    reader = AnswerReader("m")
    called = orjson.dumps({"choices": [{"delta": delta(fragment("{}", "a", "c1"))}]})
    said = orjson.dumps({"choices": [{"delta": {"content": "Hi"}}]})
    pieces = list(reader.read(b"data: %b\n\ndata: %b\n\n" % (called, said)))
    assert [piece.index for piece in pieces if not isinstance(piece, Opening)] == [0, 0, 1]  # type: ignore[union-attr]


def test_a_thought_signature_stays_with_its_call() -> None:
    signed = {**fragment("{}", "a", "c1"), "extra_content": {"google": {"thought_signature": "c2ln"}}}
    assert CallFinished(0, b"c2ln") in read(delta(signed))


@pytest.mark.parametrize("deltas", [[delta(fragment("{}", id="c1"))], [{"tool_calls": "x"}], [{"tool_calls": ["x"]}]])
def test_an_invalid_call_is_malformed(deltas: list[dict[str, Any]]) -> None:
    with pytest.raises(ProviderProtocol):
        read(*deltas)
