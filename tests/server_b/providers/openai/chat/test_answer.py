"""Answers read from bytes, in every form in which the vendor and compatible servers write them."""

import contextlib
import itertools
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_relay.errors import ProviderProtocol, RelayError
from llm_relay.messages import Accuracy, FinishReason, Usage
from server_b.providers.base import Counted, Counting, Ending, Opening, Piece, Text, Working
from server_b.providers.content_pieces import ReasoningPiece, RefusalPiece
from server_b.providers.openai.chat.answer import AnswerReader
from server_b.providers.openai.failures.errors import error_of
from server_b.providers.openai.failures.failure import Failed

DONE = b"data: [DONE]\n\n"
COUNTS = {"prompt_tokens": 3, "completion_tokens": 2}
COUNTED = Usage(input_tokens=3, output_tokens=2, accuracy=Accuracy.EXACT)


def event(delta: object, finish_reason: object = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: %b\n\n" % orjson.dumps({"model": "m", "choices": [choice], **more})


def text_event(text: str) -> bytes:
    return event({"content": text})


def finished(reason: object = "stop") -> bytes:
    return event({}, reason)


def document(message: object, finish_reason: object = "stop", **more: object) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return orjson.dumps({"model": "m", "object": "chat.completion", "choices": [choice], **more})


def in_many_lines(body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2)


def read(*blocks: bytes) -> list[Piece]:
    reader = AnswerReader("asked")
    pieces: list[Piece] = []
    for block in blocks:
        pieces.extend(reader.read(block))
    pieces.extend(reader.end())
    return pieces


def outcome(*blocks: bytes) -> tuple[str, object, type[RelayError] | None]:
    """Returns the text, how it ended, and the error if it failed."""
    reader, text, ending = AnswerReader("asked"), "", None
    try:
        for block in [*blocks, None]:
            for piece in reader.end() if block is None else reader.read(block):
                text += piece.text if isinstance(piece, Text) else ""
                ending = piece if isinstance(piece, Ending) else None
    except Failed as failed:
        return text, None, type(error_of(failed.failure))
    except RelayError as error:
        return text, None, type(error)
    return text, ending, None


def texts(pieces: Iterable[Piece]) -> list[tuple[str, int]]:
    return [(piece.text, piece.count) for piece in pieces if isinstance(piece, Text)]


STOPPED = Ending(FinishReason.STOP, None)


# Pieces.


def test_a_block_of_many_events_is_one_text_with_their_number() -> None:
    reader = AnswerReader("asked")
    assert list(reader.read(event({"role": "assistant", "content": ""}) + text_event("a") * 3)) == [
        Opening("m"),
        Text("aaa", 3),
    ]


def test_an_event_without_text_is_a_sign_of_life() -> None:
    reader = AnswerReader("asked")
    blocks = [
        text_event("a"),
        event({"reasoning_content": "hm"}),
        b": still here\n\n",
        b"data:\n\n",
        event({"content": ""}),
    ]
    pieces = [piece for block in blocks for piece in reader.read(block)]
    assert pieces == [Opening("m"), Text("a"), ReasoningPiece(1, "hm"), Working(), Working(), Working()]


def test_an_event_before_the_first_choice_does_not_open_the_answer() -> None:
    reader = AnswerReader("asked")
    filters = b'data: {"model":"","choices":[],"prompt_filter_results":[]}\n\n'
    assert list(reader.read(filters)) == [Working()]
    assert list(reader.read(text_event("a"))) == [Opening("m"), Text("a")]


def test_an_answer_that_names_no_model_has_the_requested_one() -> None:
    assert read(event({"content": "a"}, "stop", model=None))[0] == Opening("asked")


def test_text_before_an_error_in_one_block_is_given_first() -> None:
    given_first = AnswerReader("asked").read(text_event("a") + b'data: {"error":{"code":502}}\n\n')
    assert [next(given_first), next(given_first)] == [Opening("m"), Text("a")]
    with pytest.raises(Failed):
        next(given_first)


def test_everything_after_the_end_mark_is_ignored() -> None:
    reader = AnswerReader("asked")
    pieces = list(reader.read(event({"content": "a"}, "stop") + DONE + text_event("b") + b'Data: {"a":1}\n'))
    assert texts(pieces) == [("a", 1)]
    assert reader.ended


# Good answers in unusual forms.

GOOD = {
    "as OpenAI": (event({"role": "assistant", "content": ""}), text_event("Hi"), text_event("!"), finished(), DONE),
    "BOM": (b"\xef\xbb\xbf" + text_event("Hi"), text_event("!"), finished(), DONE),
    "heartbeats": (
        b"data:\n\n",
        text_event("Hi"),
        b"data: \n\n",
        b"event: ping\ndata:\n\n",
        text_event("!"),
        finished(),
        DONE,
    ),
    "heartbeats in JSON": (
        b'data: {"type":"ping"}\n\n',
        text_event("Hi!"),
        b"data: {}\n\ndata: null\n\n",
        finished(),
        DONE,
    ),
    "heartbeats in words": (b"data: [PING]\n\n", text_event("Hi!"), b"data: keep-alive\n\n", finished(), DONE),
    "heartbeats by name": (text_event("Hi!"), b'event: heartbeat\ndata: {"at":1}\n\n', finished(), DONE),
    "a part with a value": (event({"content": [{"type": "text", "text": {"value": "Hi!"}}]}), finished()),
    "text in the delta": (event({"type": "text_delta", "text": "Hi!"}), finished()),
    "last event ends in one newline": (text_event("Hi"), event({"content": "!"}, "stop")[:-1]),
    "last event ends in none": (text_event("Hi"), event({"content": "!"}, "stop")[:-2]),
    "no end mark": (text_event("Hi!"), finished()),
    "one newline between events": tuple(one[:-1] for one in (text_event("Hi"), text_event("!"), finished(), DONE)),
    "typed parts": (
        event({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
        event({"content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]}),
        text_event("!"),
        finished(),
        DONE,
    ),
    "Databricks' reasoning": (
        event({"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]}),
        event({"content": [{"type": "output_text", "text": "Hi!"}]}),
        finished(),
    ),
    "one part without a list": (event({"content": {"type": "text", "text": "Hi!"}}), finished()),
    "strings in a list": (event({"content": ["Hi", "!"]}), finished()),
    "message for delta": (b'data: {"choices":[{"message":{"content":"Hi!"}}]}\n\n', finished(), DONE),
    "text for delta": (b'data: {"choices":[{"text":"Hi!","index":0}]}\n\n', finished(), DONE),
    "delta and the text so far": (
        b'data: {"choices":[{"delta":{"content":"Hi"},"message":{"content":"Hi"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"!"},"message":{"content":"Hi!"},"finish_reason":"stop"}]}\n\n',
    ),
    "NaN": (b'data: {"choices":[{"delta":{"content":"Hi!"},"logprobs":NaN}]}\n\n', finished(), DONE),
    "no delta at the end": (text_event("Hi!"), b'data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n', DONE),
    "Azure's filter": (
        b'data: {"model":"","choices":[],"prompt_filter_results":[]}\n\n',
        text_event("Hi!"),
        b'data: {"choices":[{"index":0,"finish_reason":null,"content_filter_results":{}}]}\n\n',
        finished(),
        DONE,
    ),
    "the end mark quoted": (text_event("Hi!"), finished(), b'data: "[DONE]"\n\n'),
    "a list of chunks": (b'data: [{"choices":[{"delta":{"content":"Hi!"},"finish_reason":"stop"}]}]\n\n',),
    "two choices": (
        b'data: {"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"Hi"}}]}\n\n',
        b'data: {"choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"length"}]}\n\n',
        event({"content": "!"}, "stop"),
    ),
    "a choice that is not the first": (
        b'data: {"choices":[{"index":1,"delta":{"content":"Hi!"},"finish_reason":"stop"}]}\n\n',
    ),
    "null choices": (b'data: {"choices":null}\n\n', text_event("Hi!"), finished(), DONE),
    "one document": (document({"content": "Hi!"}),),
    "one document, BOM": (b"\xef\xbb\xbf", document({"content": "Hi!"})),
    "one document, blank before": (b"\n\n ", document({"content": "Hi!"})),
    "one document of many lines": (
        orjson.dumps(orjson.loads(document({"content": "Hi!"})), option=orjson.OPT_INDENT_2),
    ),
    "one document, end mark": (document({"content": "Hi!"}), b"\n\ndata: [DONE]\n\n"),
    "one document of many lines, end mark": (in_many_lines(document({"content": "Hi!"})), b"\n\n" + DONE),
    "one document, of parts": (document({"content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "!"}]}),),
    "one document, delta for message": (
        document(None)[:-1] + b',"choices":[{"delta":{"content":"Hi!"},"finish_reason":"stop"}]}',
    ),
    "one document, NaN": (document({"content": "Hi!"})[:-1] + b',"score":NaN}',),
    "one document a line": (
        b'{"choices":[{"delta":{"content":"Hi"}}]}\n',
        b'{"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]}\n',
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_answer_in_an_unusual_form_is_understood(case: str) -> None:
    assert outcome(*GOOD[case]) == ("Hi!", STOPPED, None)


@pytest.mark.parametrize("case", GOOD)
def test_an_answer_is_the_same_wherever_it_is_split(case: str) -> None:
    body = b"".join(GOOD[case])
    for size in (1, 2, 3, 5, 7, 100):
        assert outcome(*(body[start : start + size] for start in range(0, len(body), size))) == ("Hi!", STOPPED, None)


# Answers that are damaged, cut or failed.


def stream_of(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


MALFORMED = {
    "half a document": b"{",
    "a list of numbers": b"[1]",
    "a number": b"1",
    "a word": b'"Hi"',
    "no UTF-8": b'{"choices":[{"delta":{"content":"\xff"}}]}',
    "choices as a number": b'{"choices":1}',
    "choices as an object": b'{"choices":{"0":1}}',
    "a choice as text": b'{"choices":["a"]}',
    "a delta as text": b'{"choices":[{"delta":"a"}]}',
    "content as a number": b'{"choices":[{"delta":{"content":1}}]}',
    "a part as a number": b'{"choices":[{"delta":{"content":[1]}}]}',
    "a finish reason as a list": b'{"choices":[{"delta":{},"finish_reason":["stop"]}]}',
    "no choices": b'{"id":"c1","object":"chat.completion.chunk","model":"m"}',
    "misspelt choices": b'{"id":"c1","cHoices":[{"delta":{"content":"a"}}]}',
    "no delta": b'{"choices":[{"index":0}]}'.replace(b'"index"', b'"jndex"'),
    "misspelt delta": b'{"choices":[{"index":0,"dElta":{"content":"a"},"finish_reason":null}]}',
    "misspelt delta at the end": b'{"choices":[{"index":0,"dElta":{"content":"a"},"finish_reason":"stop"}]}',
    "nested too deeply": b"[" * 5000,
    "content nested too deeply": b'{"choices":[{"delta":{"content":%b1%b}}]}' % (b"[" * 50, b"]" * 50),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_an_event_of_another_shape_is_a_protocol_error_after_the_text_before(case: str) -> None:
    bad = MALFORMED[case]
    assert outcome(text_event("a") + stream_of(bad) + finished() + DONE) == ("a", None, ProviderProtocol)
    assert outcome(bad) == ("", None, ProviderProtocol)


CUT = {
    "no end at all": text_event("a"),
    "within the last event": text_event("a") + finished()[:-10],
    "within a field's name": text_event("a") + b"dat",
    "nothing": b"",
    "blank": b"\n\n",
    "the end mark alone": DONE,
    "comments alone": b": hi\n\n: hi\n\n" + DONE,
    "heartbeats alone": b"data:\n\n" * 3 + DONE,
    "unknown fields alone": b"foo: bar\n\n" + DONE,
    "HTML": b"<!doctype html><p>Sign in</p>",
    "half a document": document({"content": "a"})[:-5],
    "a document without finish_reason": document({"content": "a"}, None),
    "a document without choices": b'{"id":"c1","model":"m"}',
}


@pytest.mark.parametrize("case", CUT)
def test_an_answer_without_the_providers_own_end_is_a_protocol_error(case: str) -> None:
    assert outcome(CUT[case])[1:] == (None, ProviderProtocol)


def test_the_end_mark_without_a_finish_reason_is_an_end() -> None:
    assert outcome(text_event("Hi"), DONE) == ("Hi", Ending(FinishReason.OTHER, None), None)


@pytest.mark.parametrize("reason", ["", None])
def test_an_empty_finish_reason_is_none(reason: str | None) -> None:
    assert outcome(event({"content": "a"}, reason)) == ("a", None, ProviderProtocol)


def test_a_finish_reason_is_kept_when_later_events_have_none() -> None:
    assert outcome(finished("length"), event({})) == ("", Ending(FinishReason.LENGTH, None), None)


# Characters.


def test_halves_of_a_surrogate_pair_in_two_deltas_are_one_character() -> None:
    halves = [b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % half for half in (b"a\\ud83d", b"\\ude00b")]
    assert outcome(*halves, finished()) == ("a\U0001f600b", STOPPED, None)
    assert outcome(b"".join(halves), finished()) == ("a\U0001f600b", STOPPED, None)


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\ude00"])
def test_a_lone_half_of_a_pair_is_no_character(half: bytes) -> None:
    lone = b'data: {"choices":[{"delta":{"content":"a%b"}}]}\n\n' % half
    assert outcome(lone, finished()) == ("a\ufffd", STOPPED, None)
    assert outcome(lone, text_event("b"), finished()) == ("a\ufffdb", STOPPED, None)


# Counts.


@pytest.mark.parametrize(
    "blocks",
    [
        (event({"content": "a"}, "stop", usage=COUNTS),),
        (text_event("a"), event({}, "stop", usage=None), stream_of(orjson.dumps({"choices": [], "usage": COUNTS}))),
        (text_event("a"), finished(), stream_of(orjson.dumps({"usage": COUNTS}))),
        (event({"content": "a"}, usage={**COUNTS, "completion_tokens": 1}), event({}, "stop", usage=COUNTS)),
        (
            text_event("a"),
            stream_of(orjson.dumps({"choices": [{"delta": {}, "finish_reason": "stop", "usage": COUNTS}]})),
        ),
        (text_event("a"), event({}, "stop", x_groq={"usage": COUNTS})),
        (document({"content": "a"}, usage=COUNTS),),
    ],
    ids=["at the end", "after it", "without choices", "everywhere", "in the choice", "in x_groq", "whole"],
)
def test_counts_are_found_in_every_place(blocks: tuple[bytes, ...]) -> None:
    assert outcome(*blocks, *([DONE] if len(blocks) > 1 else [])) == ("a", Ending(FinishReason.STOP, COUNTED), None)


def test_zeros_do_not_replace_what_was_counted_before() -> None:
    zeros = {"prompt_tokens": 0, "completion_tokens": 0}
    blocks = (
        text_event("a"),
        event({}, "stop", usage=COUNTS),
        stream_of(orjson.dumps({"choices": [], "usage": zeros})),
    )
    assert outcome(*blocks) == ("a", Ending(FinishReason.STOP, COUNTED), None)


@pytest.mark.parametrize("counts", ["many", [1], {}, 7])
def test_counts_of_another_shape_are_ignored(counts: object) -> None:
    assert outcome(event({"content": "a"}, "stop", usage=counts)) == ("a", STOPPED, None)


USAGE_EVENT = b"data: %b\n\n" % orjson.dumps({"model": "m", "choices": [], "usage": COUNTS})
FAILURE = {"error": {"message": "overloaded", "type": "server_error"}}


def counted_by(*blocks: bytes) -> Counted | None:
    """Reads an answer until it fails or the blocks end; returns the counts that it has reported by then."""
    reader, pieces = AnswerReader("asked"), list[Piece]()
    with contextlib.suppress(Failed, ProviderProtocol):
        for block in blocks:
            pieces.extend(reader.read(block))
        pieces.extend(reader.end())
    reported = [piece for piece in pieces if isinstance(piece, Counting)]
    assert len(reported) <= 1
    return reported[0].counted() if reported else None


@pytest.mark.parametrize(
    "blocks",
    [
        (text_event("Hi"), finished(), USAGE_EVENT),
        (text_event("Hi"), event({}, "stop", usage=COUNTS)),
        (text_event("Hi"), event({"content": "!"}, usage=COUNTS), finished()),
        (text_event("Hi") + event({"content": "!"}, usage=COUNTS) + finished(),),
        (text_event("Hi"), USAGE_EVENT, b"data: %b\n\n" % orjson.dumps(FAILURE)),
        (text_event("Hi") + USAGE_EVENT + b"data: %b\n\n" % orjson.dumps(FAILURE),),
        (text_event("Hi"), b"data: %b\n\n" % orjson.dumps(FAILURE | {"usage": COUNTS})),
        (text_event("Hi"), event({}, "error", usage=COUNTS)),
        (orjson.dumps(FAILURE | {"usage": COUNTS}),),
    ],
)
def test_counts_that_arrive_before_the_end_are_reported_at_once(blocks: tuple[bytes, ...]) -> None:
    assert counted_by(*blocks) == Counted(COUNTED, is_final=True)


def test_counts_of_a_model_that_still_writes_are_not_final() -> None:
    counting = event({"content": "Hi"}, usage=COUNTS)
    assert counted_by(counting) == Counted(COUNTED, is_final=False)
    assert counted_by(USAGE_EVENT) == Counted(COUNTED, is_final=False)


@pytest.mark.parametrize("first", [USAGE_EVENT, event({"role": "assistant"}, usage=COUNTS)])
def test_counts_before_the_text_are_not_those_of_the_end(first: bytes) -> None:
    outdated = Counted(COUNTED, is_final=False, is_current=False)
    for blocks in ((first, text_event("Hi"), finished()), (first + text_event("Hi") + finished(),)):
        assert counted_by(*blocks) == outdated
        assert counted_by(*blocks, DONE) == outdated
        assert read(*blocks, DONE)[-1] == Ending(FinishReason.STOP, None)


def test_the_latest_counts_are_reported_even_if_they_are_lower() -> None:
    more = {"prompt_tokens": 3, "completion_tokens": 9}
    blocks = [event({"content": "Hi"}, usage=more), event({"content": "!"}, usage=COUNTS)]
    assert counted_by(*blocks) == Counted(COUNTED, is_final=False)


def test_counts_that_arrive_with_the_end_are_reported_once() -> None:
    assert counted_by(text_event("Hi"), finished() + USAGE_EVENT + DONE) is None


def test_the_service_tier_is_reported_with_the_counts() -> None:
    counted = counted_by(event({"content": "Hi"}, service_tier="flex"), event({}, "stop", usage=COUNTS))
    assert counted == Counted(COUNTED, is_final=True, service_tier="flex")


def test_the_used_service_tier_is_reported() -> None:
    ending = read(event({"content": "a"}, service_tier="auto"), event({}, "stop", service_tier="flex"))[-1]
    assert ending == Ending(FinishReason.STOP, None, "flex")


# Reasoning.


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm"},
        {"content": None, "reasoning": "hm"},
        {"content": "", "reasoning_content": "hm", "reasoning": "hm"},
        {"reasoning": {"content": "hm"}},
        {"thinking": [{"type": "text", "text": "hm"}]},
        {"content": [{"type": "thinking", "thinking": "hm"}]},
        {"content": [{"type": "reasoning_text", "text": "hm"}]},
    ],
)
def test_visible_reasoning_is_no_text(delta: dict[str, Any]) -> None:
    pieces = read(event(delta), event({"content": "Hi", "reasoning_content": None}, "stop"))
    assert pieces == [Opening("m"), ReasoningPiece(0, "hm"), Text("Hi", index=1), STOPPED]


def test_a_refusal_is_no_text() -> None:
    pieces = read(event({"refusal": "I "}), event({"refusal": "cannot"}, "stop"))
    refused = Ending(FinishReason.REFUSAL, None)
    assert pieces == [Opening("m"), RefusalPiece(0, "I "), RefusalPiece(0, "cannot"), refused]


TEXTS = [
    text_event("a"),
    text_event("é"),
    text_event("\U0001f600"),
    b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n',
]
OTHERS = [event({}), finished(), DONE, b"data:\n\n", b": hi\r\n\r\n", b"\n", b"data: {\n", document({"content": "a"})]
PARTS = st.sampled_from([*TEXTS, *OTHERS, b'data: {"error":{"code":"429"}}\n\n'])


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(PARTS, max_size=8), places=st.lists(st.integers(0, 1000), max_size=12))
def test_any_split_into_reads_gives_the_same_answer(parts: list[bytes], places: list[int]) -> None:
    body = b"".join(parts)
    edges = sorted({0, len(body), *(place for place in places if place < len(body))})
    assert outcome(*(body[edge:end] for edge, end in itertools.pairwise(edges))) == outcome(body)
