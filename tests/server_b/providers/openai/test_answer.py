"""OpenAI's answers read from bytes, as they are written by the vendor and by compatible servers."""

from collections.abc import Iterable

import orjson
import pytest

from llm_relay.errors import ProviderProtocol, ProviderUnavailable
from llm_relay.messages import Accuracy, FinishReason, Usage
from server_b.providers.base import Ending, Opening, Piece, Text, Working
from server_b.providers.openai.answer import MAX_EVENT_BYTES, EventSplitter, StreamReader, completion_from_wire

STREAM = (
    b": hello\n\n"
    b'event: x\r\nid: 7\r\ndata: {"a":\r\ndata: 1}\r\n\r\n'
    b'data:"w\xc3\xb6rld"\n\n\n\n'
    b"retry: 5\n\n"
    b"data: [DONE]\n\n"
)
EVENTS = [b' {"a":\r\n 1}\r', b'"w\xc3\xb6rld"', b" [DONE]"]


def event(delta: object, finish_reason: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: %b\n\n" % orjson.dumps({"model": "m", "choices": [choice], **more})


def read(*blocks: bytes) -> tuple[list[Piece], Ending | None]:
    reader = StreamReader("asked")
    pieces = [piece for block in blocks for piece in reader.read(block)]
    return pieces, reader.ending


def texts(pieces: Iterable[Piece]) -> list[tuple[str, int]]:
    return [(piece.text, piece.count) for piece in pieces if isinstance(piece, Text)]


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_events_are_the_same_wherever_the_stream_is_cut(size: int) -> None:
    splitter = EventSplitter()
    blocks = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert [data for block in blocks for data in splitter.split(block)] == EVENTS


def test_an_event_that_is_not_ended_is_not_given() -> None:
    splitter = EventSplitter()
    assert splitter.split(b"data: 1\n") == []
    assert splitter.split(b"\n") == [b" 1"]


def test_an_event_without_end_is_refused() -> None:
    splitter = EventSplitter()
    assert splitter.split(bytes(MAX_EVENT_BYTES)) == []
    with pytest.raises(ProviderProtocol):
        splitter.split(b"0")


def test_a_block_of_many_events_is_one_text_with_their_number() -> None:
    pieces, ending = read(event({"role": "assistant", "content": ""}) + event({"content": "a"}) * 3)
    assert pieces == [Opening("m"), Text("aaa", 3)]
    assert ending is None


def test_a_refusal_is_text() -> None:
    pieces, ending = read(event({"refusal": "I "}), event({"refusal": "won't"}, "stop"))
    assert texts(pieces) == [("I ", 1), ("won't", 1)]
    assert ending == Ending(FinishReason.STOP, None)


@pytest.mark.parametrize(
    "delta", [None, {}, {"content": None}, {"content": ""}, {"tool_calls": []}, {"reasoning_content": "hm"}]
)
def test_a_delta_without_text_is_no_text(delta: object) -> None:
    pieces, _ = read(event(delta))
    assert pieces == [Opening("m")]


def test_what_has_no_text_is_a_sign_of_life() -> None:
    pieces, _ = read(event({"content": "a"}), event({"reasoning_content": "hm"}), b": still here\n\n")
    assert pieces == [Opening("m"), Text("a"), Working(), Working()]


def test_an_event_before_the_first_choice_does_not_open_the_answer() -> None:
    filters = b'data: {"model":"","choices":[],"prompt_filter_results":[]}\n\n'
    assert read(filters) == ([Working()], None)
    assert read(filters, event({"content": "a"}))[0] == [Working(), Opening("m"), Text("a")]


def test_a_stream_that_names_no_model_has_the_one_asked_for() -> None:
    pieces, _ = read(event({"content": "a"}, model=None))
    assert pieces[0] == Opening("asked")


@pytest.mark.parametrize("finish_reason", ["", None])
def test_an_empty_finish_reason_is_none(finish_reason: str | None) -> None:
    assert read(event({"content": "a"}, finish_reason))[1] is None


def test_a_finish_reason_is_kept_when_later_events_have_none() -> None:
    assert read(event({}, "length"), event({}))[1] == Ending(FinishReason.LENGTH, None)


def test_usage_may_come_with_the_finish_reason_after_it_or_with_every_event() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    expected = Ending(FinishReason.STOP, Usage(input_tokens=3, output_tokens=2, accuracy=Accuracy.EXACT))
    after = b'data: {"choices":[],"usage":%b}\n\n' % orjson.dumps(counts)
    assert read(event({}, "stop", usage=counts))[1] == expected
    assert read(event({}, "stop", usage=None), after)[1] == expected
    assert read(event({}, usage={**counts, "completion_tokens": 1}), event({}, "stop", usage=counts))[1] == expected


@pytest.mark.parametrize(
    "usage", [{}, "many", [1], {"prompt_tokens": "3"}, {"prompt_tokens": -1}, {"completion_tokens": True}]
)
def test_a_usage_that_counts_nothing_is_none(usage: object) -> None:
    assert read(event({}, "stop", usage=usage))[1] == Ending(FinishReason.STOP, None)


def test_details_of_usage_that_are_no_numbers_are_unknown() -> None:
    usage = {"prompt_tokens": 3, "prompt_tokens_details": [], "completion_tokens_details": {"reasoning_tokens": 1e3}}
    expected = Usage(input_tokens=3, accuracy=Accuracy.EXACT)
    assert read(event({}, "stop", usage=usage))[1] == Ending(FinishReason.STOP, expected)


def test_nothing_after_the_end_mark_is_heeded() -> None:
    reader = StreamReader("asked")
    pieces = list(reader.read(event({"content": "a"}, "stop") + b"data: [DONE]\n\n" + event({"content": "b"})))
    assert texts(pieces) == [("a", 1)]
    assert reader.complete


MALFORMED = [
    b"{",
    b"[]",
    b"1",
    b'"\xff"',
    b'{"choices":1}',
    b'{"choices":{"0":1}}',
    b'{"choices":["a"]}',
    b'{"choices":[{"delta":"a"}]}',
    b'{"choices":[{"delta":{"content":["a"]}}]}',
    b'{"choices":[{"delta":{"content":1}}]}',
    b'{"choices":[{"finish_reason":["stop"]}]}',
    b"[" * 5000,
]


@pytest.mark.parametrize("data", MALFORMED)
def test_an_event_of_another_shape_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProviderProtocol):
        read(b"data: %b\n\n" % data)


def test_what_came_before_an_error_in_one_block_is_given_first() -> None:
    given = StreamReader("asked").read(event({"content": "a"}) + b'data: {"error":{"code":502}}\n\n')
    assert [next(given), next(given)] == [Opening("m"), Text("a")]
    with pytest.raises(ProviderUnavailable):
        next(given)


WHOLE = {"model": "m", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}


def test_a_whole_answer_without_text_is_empty() -> None:
    for message in ({"content": None}, {}, None):
        body = orjson.dumps({**WHOLE, "choices": [{"message": message, "finish_reason": "tool_calls"}]})
        completion = completion_from_wire(body, "asked")
        assert (completion.text, completion.finish_reason) == ("", FinishReason.OTHER)


def test_a_whole_answer_may_be_a_refusal_and_name_no_model() -> None:
    choice = {"message": {"content": None, "refusal": "I won't"}, "finish_reason": "stop"}
    completion = completion_from_wire(orjson.dumps({"choices": [choice]}), "asked")
    assert (completion.text, completion.model, completion.usage) == ("I won't", "asked", None)


@pytest.mark.parametrize("change", [{"choices": []}, {"choices": None}, {"choices": [{"message": {"content": "Hi"}}]}])
def test_a_whole_answer_without_finish_reason_is_a_protocol_error(change: dict[str, object]) -> None:
    with pytest.raises(ProviderProtocol):
        completion_from_wire(orjson.dumps({**WHOLE, **change}), "asked")
