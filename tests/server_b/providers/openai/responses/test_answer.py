"""Answers of the Responses API, read from bytes."""

from typing import Any

import orjson
import pytest

from llm_relay.errors import ProviderProtocol, ProviderRateLimited, ProviderUnavailable, RelayError
from llm_relay.messages import Accuracy, FinishReason, Usage
from server_b.providers.base import Counted, Counting, Ending, Opening, Piece, Text, Working
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece, RefusalPiece
from server_b.providers.openai.failures.errors import error_of
from server_b.providers.openai.failures.failure import Failed
from server_b.providers.openai.responses.answer import ResponseReader
from tests.standins.answer import Event
from tests.standins.openai_responses import (
    Item,
    call_item,
    message_item,
    named_sse,
    reasoning_item,
    response_document,
    response_events,
)
from tests.standins.script import Fault, FaultKind, Script

COUNTED = Usage(
    input_tokens=11,
    output_tokens=4,
    cache_read_tokens=0,
    reasoning_tokens=0,
    accuracy=Accuracy.EXACT,
)
CALLED = [CallStarted(0, "call_1", "f"), CallArguments(0, '{"a":1}', 2), CallFinished(0)]


def ended(reason: FinishReason = FinishReason.STOP) -> Ending:
    return Ending(reason, COUNTED, "default")


def event(kind: str, **fields: Any) -> bytes:
    return named_sse(Event({"type": kind, **fields}, 0, kind), None)


def answer(*output: Item, script: Script | None = None) -> bytes:
    """Makes a whole stream."""
    return b"".join(named_sse(one, None) for one in response_events(script or Script(), "m", output))


def read(*blocks: bytes) -> list[Piece]:
    reader = ResponseReader("asked")
    pieces = [piece for block in blocks for piece in reader.read(block)]
    return [*pieces, *reader.end()]


def error(*blocks: bytes) -> RelayError:
    try:
        read(*blocks)
    except RelayError as raised:
        return raised
    except Failed as failed:
        return error_of(failed.failure)
    return pytest.fail("nothing failed")


@pytest.mark.parametrize(
    ("output", "pieces", "reason"),
    [
        ((message_item("Hello, ", "you"),), [Text("Hello, you", 2)], FinishReason.STOP),
        ((message_item(refusal="I will not"),), [RefusalPiece(0, "I will not", 2)], FinishReason.REFUSAL),
        ((call_item("f", '{"a":1}'),), CALLED, FinishReason.TOOL_CALLS),
        ((call_item("f", ""),), [CALLED[0], CALLED[2]], FinishReason.TOOL_CALLS),
        (
            (reasoning_item("ab", "cd"), message_item("ef")),
            [
                ReasoningPiece(0, "a", id="rs_1"),
                ReasoningPiece(0, "b\n\ncd", count=3),
                ReasoningPiece(0, redacted=b"gAAAA=="),
                Text("ef", 2, 1),
            ],
            FinishReason.STOP,
        ),
        (
            (reasoning_item(), message_item("ef")),
            [ReasoningPiece(0, redacted=b"gAAAA==", id="rs_1"), Text("ef", 2, 1)],
            FinishReason.STOP,
        ),
        ((reasoning_item(encrypted=None), message_item("ef")), [Text("ef", 2, 0)], FinishReason.STOP),
        (
            (message_item("ab"), call_item("f", '{"a":1}'), call_item("g", "{}", "call_2")),
            [
                Text("ab", 2),
                CallStarted(1, "call_1", "f"),
                CallArguments(1, '{"a":1}', 2),
                CallFinished(1),
                CallStarted(2, "call_2", "g"),
                CallArguments(2, "{}", 2),
                CallFinished(2),
            ],
            FinishReason.TOOL_CALLS,
        ),
        (({"id": "ws_1", "type": "web_search_call"}, message_item("ab")), [Text("ab", 2)], FinishReason.STOP),
    ],
)
def test_a_stream_becomes_pieces(output: tuple[Item, ...], pieces: list[Piece], reason: FinishReason) -> None:
    assert read(answer(*output)) == [Opening("m"), *pieces, ended(reason)]


def test_a_whole_response_gives_the_same() -> None:
    output = (reasoning_item("ab", "cd"), message_item("ef"), call_item("f", '{"a":1}'))
    assert read(orjson.dumps(response_document(Script(), "m", output))) == [
        Working(has_begun=False),
        Opening("m"),
        ReasoningPiece(0, "ab", id="rs_1"),
        ReasoningPiece(0, "\n\ncd"),
        ReasoningPiece(0, redacted=b"gAAAA=="),
        Text("ef", 1, 1),
        CallStarted(2, "call_1", "f"),
        CallArguments(2, '{"a":1}'),
        CallFinished(2),
        ended(FinishReason.TOOL_CALLS),
    ]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("max_output_tokens", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("something_new", FinishReason.OTHER),
    ],
)
def test_an_incomplete_response_has_its_cause(word: str, reason: FinishReason) -> None:
    assert read(answer(message_item("ab"), script=Script(finish=word)))[-1] == ended(reason)


def test_each_read_returns_what_it_brought() -> None:
    stream = answer(message_item("Hello, ", "wörld")).split(b"\n\n")
    pieces = read(*(part + b"\n\n" for part in stream if part))
    assert [piece for piece in pieces if not isinstance(piece, Working)] == [
        Opening("m"),
        Text("Hello,"),
        Text(" wörld"),
        ended(),
    ]
    assert Working() in pieces


def test_a_stream_split_at_any_byte_gives_the_same() -> None:
    stream = answer(reasoning_item("hm"), message_item("wörld"), call_item("f", '{"a":1}'))
    whole = read(stream)
    for at in range(0, len(stream), 7):
        pieces = read(stream[:at], stream[at:])
        assert pieces[-1] == whole[-1]
        assert _text(pieces) == _text(whole)


def _text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text | ReasoningPiece))


@pytest.mark.parametrize(
    "events",
    [
        # Without output_item.added, and with the name at the end alone.
        (
            event("response.function_call_arguments.delta", output_index=0, item_id="fc", delta='{"a"'),
            event("response.function_call_arguments.delta", output_index=0, item_id="fc", delta=":1}"),
            event("response.output_item.done", output_index=0, item={**call_item("f", '{"a":1}'), "id": "fc"}),
        ),
        # With another id in every event.
        (
            event("response.output_item.added", output_index=0, item={**call_item("f", ""), "id": "x1"}),
            event("response.function_call_arguments.delta", output_index=0, item_id="x2", delta='{"a"'),
            event("response.function_call_arguments.delta", output_index=0, item_id="x3", delta=":1}"),
            event("response.output_item.done", output_index=0, item={**call_item("f", '{"a":1}'), "id": "x4"}),
        ),
        # Without output_item.done.
        (
            event("response.output_item.added", output_index=0, item=call_item("f", "")),
            event("response.function_call_arguments.delta", output_index=0, item_id="fc_call_1", delta='{"a"'),
            event("response.function_call_arguments.delta", output_index=0, item_id="fc_call_1", delta=":1}"),
        ),
    ],
)
def test_calls_of_servers_that_break_the_protocol_are_read(events: tuple[bytes, ...]) -> None:
    end = event("response.completed", response={"status": "completed"})
    pieces = read(b"".join(events) + end)
    assert [piece for piece in pieces if not isinstance(piece, Opening | Ending)] == CALLED


def test_two_calls_at_one_index_are_separated_by_their_ids() -> None:
    deltas = [
        event("response.output_item.added", output_index=0, item=call_item("f", "", "a")),
        event("response.output_item.added", output_index=0, item=call_item("g", "", "b")),
        event("response.function_call_arguments.delta", output_index=0, item_id="fc_a", delta="1"),
        event("response.function_call_arguments.delta", output_index=0, item_id="fc_b", delta="2"),
        event("response.completed", response={"status": "completed"}),
    ]
    found = [piece for piece in read(*deltas) if isinstance(piece, CallArguments)]
    assert found == [CallArguments(0, "1"), CallArguments(1, "2")]


def test_visible_reasoning_is_reasoning() -> None:
    deltas = [
        event("response.reasoning_text.delta", output_index=0, item_id="rs", content_index=0, delta="hm"),
        event("response.output_text.delta", output_index=1, item_id="msg", content_index=0, delta="Hi"),
        event("response.completed", response={"status": "completed"}),
    ]
    assert read(*deltas)[1:-1] == [ReasoningPiece(0, "hm"), Text("Hi", 1, 1)]


def test_a_character_split_between_two_deltas_is_whole() -> None:
    first = b'data: {"type":"response.output_text.delta","output_index":0,"delta":"\\ud83d"}\n\n'
    second = b'data: {"type":"response.output_text.delta","output_index":0,"delta":"\\ude00"}\n\n'
    end = event("response.completed", response={"status": "completed"})
    assert [piece for piece in read(first, second, end) if isinstance(piece, Text)] == [Text("😀")]


FAILED = {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down"}}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (event("response.failed", response=FAILED), ProviderRateLimited),
        (
            event("response.failed", response={"status": "failed", "error": {"code": "server_error", "message": ""}}),
            ProviderUnavailable,
        ),
        (event("response.failed", response={"error": None}), ProviderUnavailable),
        (event("error", code="server_error", message="x", param=None), ProviderUnavailable),
        (event("error", error={"type": "server_error", "code": None, "message": "x"}), ProviderUnavailable),
        (b'data: {"type":"error","code":"server_error","message":"x"}\n\n', ProviderUnavailable),
        (b"", ProviderProtocol),
        (b"data: [DONE]\n\n", ProviderProtocol),
        (event("response.output_text.delta", delta=None), ProviderProtocol),
        (event("response.completed", response=None), ProviderProtocol),
        (b"data: {\n\n", ProviderProtocol),
    ],
)
def test_a_failure_after_text_is_an_error(end: bytes, expected: type[RelayError]) -> None:
    script = Script(fault=Fault(kind=FaultKind.NO_END))
    raised = error(answer(message_item("ab"), script=script) + end)
    assert type(raised) is expected
    assert raised.may_have_worked


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"object":"chat.completion","choices":[]}',
        b'{"object":"response","status":"in_progress","output":[]}',
        b"data: [DONE]\n\n",
    ],
)
def test_a_document_that_is_no_response_is_malformed(body: bytes) -> None:
    assert isinstance(error(body), ProviderProtocol)


def test_nothing_after_the_end_is_read() -> None:
    assert read(answer(message_item("ab")) + b"data: {damaged\n\n")[-1] == ended()


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_the_counts_of_a_response_that_failed_are_told(status: str) -> None:
    counts = {"input_tokens": 11, "output_tokens": 4, "total_tokens": 15}
    failing = ResponseReader("asked").read(event(f"response.{status}", response={"status": status, "usage": counts}))
    pieces = list[Piece]()
    with pytest.raises(Failed):
        pieces.extend(failing)
    assert isinstance(last := pieces[-1], Counting)
    usage = Usage(input_tokens=11, output_tokens=4, accuracy=Accuracy.EXACT)
    assert last.counted() == Counted(usage, is_final=True)
