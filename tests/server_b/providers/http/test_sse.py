"""Server-sent events as the standard defines them and as servers break them, however they are split into reads."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_relay.errors import ProviderProtocol
from server_b.providers.http.sse import Event, SseReader
from server_b.providers.openai.event_data import is_complete

BOM = b"\xef\xbb\xbf"
A, B, DONE = b'{"a":1}', b'{"b":2}', b"[DONE]"


def events_of(blocks: Sequence[bytes]) -> tuple[list[Event], bool]:
    """Reads a stream that arrives in these blocks; returns its events, and whether it is damaged."""
    reader = SseReader(is_complete)
    events: list[Event] = []
    try:
        for block in blocks:
            events.extend(reader.read(block))
        events.extend(reader.end())
    except ProviderProtocol:
        return events, True
    return events, False


STANDARD: dict[str, tuple[bytes, list[Event]]] = {
    "LF": (b"data: {}\n\ndata: 1\n\n", [("", b"{}"), ("", b"1")]),
    "CRLF": (b"data: {}\r\n\r\ndata: 1\r\n\r\n", [("", b"{}"), ("", b"1")]),
    "lone CR": (b"data: {}\r\rdata: 1\r\r", [("", b"{}"), ("", b"1")]),
    "all mixed": (b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\rdata: 4\n\r", [("", b"%d" % n) for n in (1, 2, 3, 4)]),
    "CR, then a line": (b"data: 1\rdata: 2\r\n\r\n", [("", b"1\n2")]),
    "BOM": (BOM + b"data: 1\n\n", [("", b"1")]),
    "BOM within": (b"data: 1\n\n" + BOM + b"data: 2\n\n", [("", b"1")]),
    "comments": (b": hi\n:\n:data: 9\n\ndata: 1\n: within\n\n", [("", b"1")]),
    "every field": (b"event: x\nid: 7\nretry: 5\ndata: 1\n\ndata: 2\n\n", [("x", b"1"), ("", b"2")]),
    "name after the data": (b"data: 1\nevent: x\n\ndata: 2\n\n", [("x", b"1"), ("", b"2")]),
    "name without data": (b"event: x\n\ndata: 1\n\n", [("", b"1")]),
    "several lines of data": (b'data: {"a":\ndata: 1}\n\n', [("", b'{"a":\n1}')]),
    "one blank is taken off": (b"data:  1 \n\ndata:1\n\n", [("", b" 1 "), ("", b"1")]),
    "no colon": (b"data\n\ndata\ndata\n\n", [("", b""), ("", b"\n")]),
    "unknown fields": (b"foo: bar\nfoo\nx-y: [1]\ndata: 1\n\n", [("", b"1")]),
    "blank lines": (b"\n\n\ndata: 1\n\n\n\n\n", [("", b"1")]),
    "a NUL": (b"data: a\0b\n\n", [("", b"a\0b")]),
    "nothing": (b"", []),
}
BROKEN: dict[str, tuple[bytes, list[Event]]] = {
    "empty data": (b"data:\n\ndata: \n\nevent: ping\ndata:\n\n", [("", b""), ("", b""), ("ping", b"")]),
    "one newline between events": (b"data: %b\ndata: %b\ndata: [DONE]\n" % (A, B), [("", A), ("", B), ("", DONE)]),
    "one newline, named": (
        b"event: x\ndata: %b\nevent: y\ndata: %b\n\n" % (A, B),
        [("x", A), ("y", B)],
    ),
    "the last without a blank line": (b"data: %b\n\ndata: %b\n" % (A, B), [("", A), ("", B)]),
    "the last without a newline": (b"data: %b\n\ndata: %b" % (A, B), [("", A), ("", B)]),
    "the last ends in CR": (b"data: %b\r" % A, [("", A)]),
    "empty data before and after": (
        b"data:\ndata: %b\n\ndata: %b\ndata:\n\n" % (A, B),
        [("", b"\n" + A), ("", B), ("", b"")],
    ),
    "an error as a field": (b"data: %b\n\nerror: %b\n\n" % (A, B), [("", A), ("error", B)]),
    "an error without data": (b"event: error\n\ndata: 1\n\n", [("error", b""), ("", b"1")]),
    "an error in words": (b"error: it broke\n", [("error", b"it broke")]),
    "JSON without a field": (b"data: %b\n\n%b\n\n" % (A, B), [("", A), ("", B)]),
    "JSON lines": (b"%b\n%b\n" % (A, B), [("", A), ("", B)]),
}
SOUND = STANDARD | BROKEN
DAMAGED = {
    "another case": b'Data: {"a":1}\n\n',
    "a letter lost": b'ata: {"a":1}\n\n',
    "a letter changed": b'dat`: {"a":1}\n\n',
    "the colon lost": b'data {"a":"b:c"}\n\n',
    "the field lost": b'"a":1}\n\n',
    "half of it": b'ata: {"a":\n\n',
    "a comment of it": b': {"choices":[]}\n\n',
    "a cut document": b'{"a":\n\n',
}


def cuts(stream: bytes) -> list[list[bytes]]:
    """Splits a stream into equal parts of every size."""
    sizes = range(1, max(2, len(stream) + 1))
    return [[stream[start : start + size] for start in range(0, len(stream), size)] for size in sizes]


@pytest.mark.parametrize("case", SOUND)
def test_a_stream_has_the_same_events_wherever_it_is_split(case: str) -> None:
    stream, expected = SOUND[case]
    for blocks in cuts(stream):
        assert events_of(blocks) == (expected, False)


@pytest.mark.parametrize("case", DAMAGED)
def test_a_line_that_can_only_be_a_damaged_event_is_an_error(case: str) -> None:
    stream = b"data: %b\n\n" % A + DAMAGED[case]
    for blocks in cuts(stream):
        assert events_of(blocks) == ([("", A)], True)


FIELDS = [
    b"data: ",
    b"data:",
    b"data",
    b"Data: ",
    b"event: x",
    b"event: error",
    b"error: ",
    b": hi",
    b"id: 1",
    b"foo: bar",
]
EVENTS = [b"data: " + A, b"data:" + B, b"data: [DONE]", b"data: {", b"data: }", b'ata: {"a"', A, b"", b"", b""]
LINES = st.sampled_from([*FIELDS, *EVENTS])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@settings(max_examples=500, deadline=None)
@given(
    start=st.sampled_from([b"", BOM, BOM[:2], b"\n"]),
    lines=st.lists(st.tuples(LINES, ENDS), max_size=12),
    rest=st.sampled_from([b"", b"data: " + A, b"data: {", b"da"]),
    places=st.lists(st.integers(0, 200), max_size=12),
)
def test_any_split_into_reads_gives_the_same_events(
    start: bytes, lines: list[tuple[bytes, bytes]], rest: bytes, places: list[int]
) -> None:
    stream = start + b"".join(line + end for line, end in lines) + rest
    edges = sorted({0, len(stream), *(place for place in places if place < len(stream))})
    blocks = [stream[edge:next_edge] for edge, next_edge in itertools.pairwise(edges)]
    assert events_of(blocks) == events_of([stream])


@pytest.mark.parametrize("part", [b"x" * 101, b"data: x\n" * 102])
def test_an_endless_event_is_refused(part: bytes) -> None:
    reader = SseReader(is_complete, max_event_bytes=100)
    with pytest.raises(ProviderProtocol, match="too large"):
        list(reader.read(part))
