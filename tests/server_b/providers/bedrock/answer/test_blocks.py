"""Tool calls and reasoning in Bedrock's answers, streamed and whole."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import FinishReason
from server_b.providers.base import Ending, Opening, Piece, Text
from server_b.providers.bedrock.answer.pieces import StreamReader, whole_answer
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece
from tests.standins import eventstream


def _frame(name: str, document: Any) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return eventstream.message(headers, data)


def _delta(index: int, **delta: Any) -> bytes:
    return _frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def _call(index: int, call_id: str, name: str = "weather") -> bytes:
    start = {"toolUse": {"toolUseId": call_id, "name": name}}
    return _frame("contentBlockStart", {"contentBlockIndex": index, "start": start})


def _arguments(index: int, text: str) -> bytes:
    return _delta(index, toolUse={"input": text})


def _reasoning(index: int, **said: Any) -> bytes:
    return _delta(index, reasoningContent=said)


def _stop(index: int) -> bytes:
    return _frame("contentBlockStop", {"contentBlockIndex": index})


def _end(reason: str = "tool_use") -> bytes:
    return _frame("messageStop", {"stopReason": reason})


START = _frame("messageStart", {"role": "assistant"})
SIGNED = (
    START
    + _reasoning(0, text="Let ")
    + _reasoning(0, text="me")
    + _reasoning(0, signature="c2ln+/=")
    + _stop(0)
    + _reasoning(1, redactedContent="AAE=")
    + _stop(1)
    + _delta(2, text="I ")
    + _delta(2, text="look")
    + _stop(2)
    + _call(3, "c1")
    + _arguments(3, "")
    + _arguments(3, '{"in": ')
    + _arguments(3, '"Ōsaka"}')
    + _stop(3)
    + _call(4, "c2", "time")
    + _stop(4)
    + _end()
)


def _read(*blocks: bytes) -> list[Piece]:
    reader = StreamReader("m")
    pieces = [piece for block in blocks for piece in reader.read(block)]
    return [*pieces, *reader.end()]


def _whole(content: Any, reason: str = "tool_use") -> list[Piece]:
    answer = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason}
    return [*whole_answer(json.dumps(answer).encode(), "m")]


def _contents(pieces: list[Piece]) -> dict[int, list[Any]]:
    """Returns the contents of each block, however it was split into pieces."""
    blocks: dict[int, list[Any]] = {}
    for piece in pieces:
        match piece:
            case Text():
                block = blocks.setdefault(piece.index, ["text", ""])
                block[1] += piece.text
            case ReasoningPiece():
                block = blocks.setdefault(piece.index, ["reasoning", "", b"", b""])
                block[1:] = [block[1] + piece.text, block[2] + piece.signature, block[3] + piece.redacted]
            case CallStarted():
                assert piece.index not in blocks
                blocks[piece.index] = ["call", piece.id, piece.name, "", False]
            case CallArguments():
                assert piece.arguments
                blocks[piece.index][3] += piece.arguments
            case CallFinished():
                assert blocks[piece.index][4] is False
                blocks[piece.index][4] = True
            case _:
                continue
    return blocks


SAID = {
    0: ["reasoning", "Let me", b"c2ln+/=", b""],
    1: ["reasoning", "", b"", b"\0\1"],
    2: ["text", "I look"],
    3: ["call", "c1", "weather", '{"in": "Ōsaka"}', True],
    4: ["call", "c2", "time", "", True],
}


def test_one_read_has_one_piece_for_consecutive_deltas() -> None:
    assert _read(SIGNED) == [
        Opening("m"),
        ReasoningPiece(0, "Let me", count=2),
        ReasoningPiece(0, signature=b"c2ln+/="),
        ReasoningPiece(1, redacted=b"\0\1"),
        Text("I look", 2, 2),
        CallStarted(3, "c1", "weather"),
        CallArguments(3, '{"in": "Ōsaka"}', 2),
        CallFinished(3),
        CallStarted(4, "c2", "time"),
        CallFinished(4),
        Ending(FinishReason.TOOL_CALLS, None),
    ]


@given(st.lists(st.integers(min_value=0, max_value=len(SIGNED)), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_blocks(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SIGNED)]
    assert _contents(_read(*[SIGNED[start:end] for start, end in itertools.pairwise(edges) if end > start])) == SAID


def test_blocks_are_numbered_as_they_begin_and_may_alternate() -> None:
    stream = (
        START
        + _call(7, "a")
        + _call(2, "b", "time")
        + _arguments(7, "{")
        + _arguments(2, '{"x"')
        + _arguments(7, "}")
        + _delta(0, text="Wait")
        + _arguments(2, ":1}")
        + _stop(2)
        + _stop(7)
        + _end()
    )
    assert _contents(_read(stream)) == {
        0: ["call", "a", "weather", "{}", True],
        1: ["call", "b", "time", '{"x":1}', True],
        2: ["text", "Wait"],
    }


def test_calls_with_the_same_number_are_separated_by_their_starts() -> None:
    stream = START + _delta(0, text="Hm") + _call(0, "a") + _arguments(0, "{}") + _call(0, "b") + _end()
    assert _contents(_read(stream)) == {
        0: ["text", "Hm"],
        1: ["call", "a", "weather", "{}", True],
        2: ["call", "b", "weather", "", True],
    }


def test_a_signature_without_text_and_one_in_two_deltas_are_kept_byte_for_byte() -> None:
    stream = START + _reasoning(0, text="") + _reasoning(0, signature="a+") + _reasoning(0, signature="/b==") + _stop(0)
    assert _contents(_read(stream + _delta(1, text="Hi") + _end("end_turn"))) == {
        0: ["reasoning", "", b"a+/b==", b""],
        1: ["text", "Hi"],
    }


def test_arguments_that_are_not_json_are_passed_on_unchanged() -> None:
    stream = START + _call(0, "a") + _arguments(0, '{"in": "Os') + _stop(0) + _end("max_tokens")
    pieces = _read(stream)
    assert _contents(pieces) == {0: ["call", "a", "weather", '{"in": "Os', True]}
    assert pieces[-1] == Ending(FinishReason.LENGTH, None)


def test_a_stream_that_is_cut_during_arguments_has_no_end() -> None:
    pieces = _read(START, _call(0, "a"), _arguments(0, '{"in"'))
    assert pieces == [Opening("m"), CallStarted(0, "a", "weather"), CallArguments(0, '{"in"')]


def test_halves_of_a_character_are_joined_in_arguments_and_reasoning_too() -> None:
    def halves(before: str, after: str) -> tuple[bytes, bytes]:
        first = f'{{"contentBlockIndex":0,"delta":{before}\\ud83d{after}}}'
        second = f'{{"contentBlockIndex":0,"delta":{before}\\ude00{after}}}'
        return _frame("contentBlockDelta", first.encode()), _frame("contentBlockDelta", second.encode())

    arguments = halves('{"toolUse":{"input":"', '"}}')
    assert _contents(_read(START + _call(0, "a"), *arguments, _end()))[0][3] == "😀"
    thoughts = halves('{"reasoningContent":{"text":"', '"}}')
    assert _contents(_read(START, *thoughts, _end()))[0][1] == "😀"
    assert _contents(_read(START, thoughts[0], _end()))[0][1] == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "event",
    [
        _arguments(0, "{}"),
        _call(0, ""),
        _call(0, "a", ""),
        _frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": 7, "name": "x"}}}),
        _frame("contentBlockStart", {"contentBlockIndex": "0", "start": {"toolUse": {"toolUseId": "a", "name": "x"}}}),
        _call(0, "a") + _delta(0, toolUse={"input": {}}),
        _call(0, "a") + _delta(0, toolUse="{}"),
        _reasoning(0, text=7),
        _reasoning(0, signature=7),
        _reasoning(0, redactedContent="no base64!"),
    ],
)
def test_damage_in_a_block_is_an_error(event: bytes) -> None:
    with pytest.raises(ProviderProtocol):
        _read(START + event)


@pytest.mark.parametrize(
    "event",
    [
        _frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"image": {"format": "png"}}}),
        _frame("contentBlockStart", {"contentBlockIndex": 0}),
        _delta(0, image={"source": {"bytes": "AAAA"}}),
        _delta(0, toolResult=[{"text": "x"}]),
        _delta(0, reasoningContent="of tomorrow"),
        _stop(5),
    ],
)
def test_blocks_of_other_kinds_are_skipped(event: bytes) -> None:
    assert _contents(_read(START + event + _delta(1, text="Hi") + _end("end_turn"))) == {0: ["text", "Hi"]}


# Whole answers.

CONTENT: list[dict[str, Any]] = [
    {"reasoningContent": {"reasoningText": {"text": "Let me", "signature": "c2ln+/="}}},
    {"reasoningContent": {"redactedContent": base64.b64encode(b"\0\1").decode()}},
    {"text": "I look"},
    {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"z": 9007199254740993, "in": "Ōsaka"}}},
    {"toolUse": {"toolUseId": "c2", "name": "time", "input": {}}},
]


def test_a_whole_answer_has_the_same_blocks() -> None:
    arguments = '{"z":9007199254740993,"in":"Ōsaka"}'
    pieces = _whole(CONTENT)
    assert _contents(pieces) == {
        **SAID,
        3: ["call", "c1", "weather", arguments, True],
        4: ["call", "c2", "time", "{}", True],
    }
    assert (pieces[0], pieces[-1]) == (Opening("m"), Ending(FinishReason.TOOL_CALLS, None))


def test_a_whole_answer_of_unsigned_reasoning_has_its_text() -> None:
    content = [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": ""}}}, {"text": "Hi"}, {"image": {}}]
    assert _whole(content, "end_turn") == [
        Opening("m"),
        ReasoningPiece(0, "Hm."),
        Text("Hi", index=1),
        Ending(FinishReason.STOP, None),
    ]


def test_a_complete_answer_with_calls_finishes_for_tool_calls_whatever_its_stop_reason() -> None:
    assert _whole(CONTENT, "end_turn")[-1] == Ending(FinishReason.TOOL_CALLS, None)
    assert _whole(CONTENT, "max_tokens")[-1] == Ending(FinishReason.LENGTH, None)


def test_a_whole_answer_keeps_every_digit_of_arguments() -> None:
    content = [{"toolUse": {"toolUseId": "c1", "name": "f", "input": {"n": 12345678901234567890123, "f": 1.5}}}]
    arguments = [piece.arguments for piece in _whole(content) if isinstance(piece, CallArguments)]
    assert arguments == ['{"n":12345678901234567890123,"f":1.5}']


def test_no_two_calls_have_the_same_id() -> None:
    pieces = _whole([CONTENT[3], CONTENT[3]])
    one, other = (piece.id for piece in pieces if isinstance(piece, CallStarted))
    assert (one, one != other) == ("c1", True)


@pytest.mark.parametrize("block", [{"toolUse": {"name": "x"}}, {"toolUse": "x"}, {"text": 7}])
def test_a_malformed_block_of_a_whole_answer_is_an_error(block: dict[str, Any]) -> None:
    with pytest.raises(ProviderProtocol):
        _whole([block])
