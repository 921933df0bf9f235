"""Bedrock's answers, read from exact bytes."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import Accuracy, FinishReason, Usage
from server_b.providers.base import Ending, Opening, Piece, Text, Working
from server_b.providers.bedrock.answer.pieces import StreamReader, whole_answer
from server_b.providers.bedrock.failures.failure import Refusal
from tests.standins import eventstream

USAGE = {"inputTokens": 11, "outputTokens": 4, "totalTokens": 15}
COUNTED = Usage(input_tokens=11, output_tokens=4, accuracy=Accuracy.EXACT)


def _frame(name: str, document: object, *, kind: str = "event") -> bytes:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return eventstream.message(headers, data)


def _delta(delta: object, index: int = 0) -> bytes:
    return _frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta, "p": "abc"})


def _text(text: str) -> bytes:
    return _delta({"text": text})


START = _frame("messageStart", {"role": "assistant", "p": "ab"})
BLOCK_START = _frame("contentBlockStart", {"contentBlockIndex": 0, "start": {}})
BLOCK_STOP = _frame("contentBlockStop", {"contentBlockIndex": 0})
STOP = _frame("messageStop", {"stopReason": "end_turn"})
METADATA = _frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})
HELLO = START + _text("Hel") + _text("lo, ") + _text("wörld") + BLOCK_STOP + STOP + METADATA


def _read(*blocks: bytes) -> list[Piece]:
    """Reads the blocks one after another; the ending is last, if there is one."""
    reader = StreamReader("m")
    pieces = [piece for block in blocks for piece in reader.read(block)]
    return [*pieces, *reader.end()]


def _said(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


def test_one_read_is_one_text() -> None:
    assert _read(HELLO) == [Opening("m"), Text("Hello, wörld", 3), Ending(FinishReason.STOP, COUNTED)]


@given(st.lists(st.integers(min_value=0, max_value=len(HELLO)), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_answer(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(HELLO)]
    pieces = _read(*[HELLO[start:end] for start, end in itertools.pairwise(edges) if end > start])
    assert _said(pieces) == "Hello, wörld"
    assert sum(piece.count for piece in pieces if isinstance(piece, Text)) == 3
    assert [piece for piece in pieces if isinstance(piece, Opening)] == [Opening("m")]
    assert pieces[-1] == Ending(FinishReason.STOP, COUNTED)


@given(st.integers(min_value=0, max_value=len(HELLO) - 1), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_always_noticed(at: int, change: int) -> None:
    damaged = bytearray(HELLO)
    damaged[at] ^= change
    reader = StreamReader("m")
    try:
        pieces = list(reader.read(bytes(damaged)))
    except ProviderProtocol:
        return
    # A length that has grown makes it wait for more, so the answer counts as cut.
    assert not reader.complete
    assert "Hello, wörld".startswith(_said(pieces))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.CONTEXT_EXCEEDED),
        ("content_filtered", FinishReason.CONTENT_FILTER),
        ("guardrail_intervened", FinishReason.CONTENT_FILTER),
        ("tool_use", FinishReason.TOOL_CALLS),
        ("malformed_model_output", FinishReason.MALFORMED_OUTPUT),
        ("malformed_tool_use", FinishReason.MALFORMED_OUTPUT),
        ("refusal", FinishReason.REFUSAL),
        ("a reason of tomorrow", FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
def test_each_stop_reason_has_its_finish_reason(reason: str | None, expected: FinishReason) -> None:
    whole = {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": reason}
    assert list(whole_answer(json.dumps(whole).encode(), "m")) == [Opening("m"), Text("Hi"), Ending(expected, None)]
    stop = _frame("messageStop", {"stopReason": reason, "additionalModelResponseFields": {"a": 1}})
    assert _read(START + _text("Hi") + stop)[-1] == Ending(expected, None)


def test_an_event_without_content_is_a_sign_of_life() -> None:
    reader = StreamReader("m")
    assert list(reader.read(START[:20])) == []
    assert list(reader.read(START[20:])) == [Opening("m")]
    for delta in (
        {"reasoningContent": {"signature": ""}},
        {"reasoningContent": {"text": ""}},
        {"citation": {"title": "x"}},
        {"image": {"source": {"bytes": "AAAA"}}},
        {"something of tomorrow": 1},
        {"text": ""},
        {},
    ):
        assert list(reader.read(_delta(delta))) == [Working()]
    assert list(reader.read(_delta({"text": "Hi"}, index=1))) == [Text("Hi")]


def test_texts_of_several_blocks_are_one_answer_in_order() -> None:
    blocks = START + BLOCK_START + _delta({"text": "One "}, 0) + BLOCK_STOP + _delta({"text": "two"}, 2) + STOP
    assert _said(_read(blocks)) == "One two"


@pytest.mark.parametrize(
    "event",
    [
        _frame("eventOfTomorrow", {"x": 1}),
        _frame("eventOfTomorrow", b"no JSON"),
        _frame("initial-response", {}),
        eventstream.message({":message-type": "event"}, b"no name"),
        _frame("metadata", b'{"metrics":{"latencyMs":NaN},"trace":{"a":[Infinity]}}'),
    ],
)
def test_unknown_events_and_almost_json_are_skipped(event: bytes) -> None:
    pieces = _read(START + _text("Hi") + event + STOP)
    assert _said(pieces) == "Hi"
    assert isinstance(pieces[-1], Ending)


@pytest.mark.parametrize(
    "event",
    [
        _frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"lo"}'),
        _frame("contentBlockDelta", b"[]"),
        _frame("contentBlockDelta", b'"text"'),
        _frame("contentBlockDelta", b""),
        _frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"l\xffo"}}'),
        _frame("contentBlockDelta", {"contentBlockIndex": 0}),
        _frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": "lo"}),
        _delta({"text": 7}),
        _delta({"text": None}),
        _frame("contentBlockDelta", {"delta": {"text": "lo"}}, kind="surprise"),
        eventstream.spoiled(_text("lo"), eventstream.MESSAGE_CRC_AT),
        eventstream.spoiled(_text("lo"), eventstream.PRELUDE_CRC_AT),
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
    ],
)
def test_damage_is_an_error_after_the_text_before_it(event: bytes) -> None:
    reader = StreamReader("m")
    pieces: list[Piece] = []
    with pytest.raises(ProviderProtocol):
        pieces.extend(reader.read(START + _text("Hel") + event + STOP))
    assert pieces == [Opening("m"), Text("Hel")]
    assert not list(reader.end())


def test_headers_that_no_parser_writes_are_damage() -> None:
    unknown_type = b"\x01x\x63"
    with pytest.raises(ProviderProtocol):
        list(StreamReader("m").read(eventstream.with_headers(unknown_type, b"{}")))


def test_halves_of_a_character_in_two_deltas_are_joined() -> None:
    first = _frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"a\\ud83d"}}')
    second = _frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"\\ude00b"}}')
    assert _said(_read(START + first + second + STOP)) == "a😀b"
    assert _said(_read(START, first, second, STOP)) == "a😀b"


def test_a_half_without_its_other_half_becomes_a_replacement_character() -> None:
    half = _frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"a\\ud83d"}}')
    assert _said(_read(START + half, _text("b"), STOP)) == "a\N{REPLACEMENT CHARACTER}b"
    assert _said(_read(START + half, STOP)) == "a\N{REPLACEMENT CHARACTER}"
    assert _said(_read(START + half + STOP + METADATA)) == "a\N{REPLACEMENT CHARACTER}"


def test_an_exception_is_a_refusal_after_the_text_before_it() -> None:
    said = _frame("throttlingException", {"message": "Enough"}, kind="exception")
    reader = StreamReader("m")
    pieces: list[Piece] = []
    with pytest.raises(Refusal) as refusal:
        pieces.extend(reader.read(START + _text("Hi") + said))
    assert pieces == [Opening("m"), Text("Hi")]
    assert (refusal.value.failure.code, refusal.value.failure.message) == ("ThrottlingException", "Enough")


def test_an_error_of_the_event_stream_itself_is_a_refusal() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Sorry"}
    with pytest.raises(Refusal) as refusal:
        list(StreamReader("m").read(eventstream.message(headers, b"")))
    assert (refusal.value.failure.code, refusal.value.failure.message) == ("InternalFailure", "Sorry")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, COUNTED),
        ({"inputTokens": 11, "outputTokens": 4}, COUNTED),
        (
            USAGE | {"cacheReadInputTokens": 5, "cacheWriteInputTokens": 3, "totalTokens": 23},
            Usage(input_tokens=19, output_tokens=4, cache_read_tokens=5, cache_write_tokens=3, accuracy=Accuracy.EXACT),
        ),
        (
            USAGE | {"cacheReadInputTokens": 0, "cacheWriteInputTokens": 0},
            Usage(input_tokens=11, output_tokens=4, cache_read_tokens=0, cache_write_tokens=0, accuracy=Accuracy.EXACT),
        ),
        (USAGE | {"totalTokens": 400}, Usage(input_tokens=11, output_tokens=4, accuracy=Accuracy.ESTIMATED)),
        ({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}, None),
        ({"inputTokens": 11, "outputTokens": 0, "totalTokens": 11}, None),
        ({"inputTokens": 0, "outputTokens": 4, "totalTokens": 4}, None),
        ({"inputTokens": -1, "outputTokens": 4}, None),
        ({"inputTokens": 11.5, "outputTokens": 4}, None),
        ({"inputTokens": "eleven", "outputTokens": 4}, None),
        ({"inputTokens": "11", "outputTokens": 4.0}, COUNTED),
        ({"inputTokens": 11}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_usage_is_exact_only_if_it_was_counted(usage: object, expected: Usage | None) -> None:
    assert _read(START + _text("Hi") + STOP + _frame("metadata", {"usage": usage}))[-1] == Ending(
        FinishReason.STOP, expected
    )


def test_a_prompt_that_a_guardrail_blocked_has_no_usage() -> None:
    stop = _frame("messageStop", {"stopReason": "guardrail_intervened"})
    nothing = _frame("metadata", {"usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}})
    counted = Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)
    assert _read(START + _text("Sorry.") + stop + nothing)[-1] == Ending(FinishReason.CONTENT_FILTER, counted)


def test_the_service_tier_is_the_one_that_bedrock_reports() -> None:
    metadata = {"usage": USAGE, "serviceTier": {"type": "flex"}}
    ending = Ending(FinishReason.STOP, COUNTED, "flex")
    assert _read(START + _text("Hi") + STOP + _frame("metadata", metadata))[-1] == ending
    whole = {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn", **metadata}
    assert list(whole_answer(json.dumps(whole).encode(), "m"))[-1] == ending


def test_halves_of_a_character_in_two_blocks_of_a_whole_answer_are_joined() -> None:
    content = b'[{"text":"a\\ud83d"},{"text":"\\ude00b"}]'
    whole = b'{"output":{"message":{"content":' + content + b'}},"stopReason":"end_turn"}'
    assert _said(list(whole_answer(whole, "m"))) == "a😀b"


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "{}", '{"stopReason":"end_turn"}', '{"output":{"message":{"content":[]}}}']
)
def test_an_answer_without_message_or_end_is_malformed(body: str) -> None:
    with pytest.raises(ProviderProtocol):
        list(whole_answer(body.encode(), "m"))


def test_an_error_under_a_success_status_is_an_error() -> None:
    said = b'{"__type":"com.amazon.coral.service#ThrottlingException","message":"Enough"}'
    with pytest.raises(Refusal) as refusal:
        list(whole_answer(said, "m"))
    assert refusal.value.failure.code == "ThrottlingException"
