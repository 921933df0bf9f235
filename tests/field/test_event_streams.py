"""Server-sent events as the standard defines them, and as servers break them.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import json

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import EXACT, CallResult, answered, failed
from tests.field.provider import Hold
from tests.field.wire import (
    BOM,
    CHUNK_HEAD,
    DONE,
    END,
    GOOD,
    HELLO,
    ROLE,
    byte_by_byte,
    chunk,
    chunked,
    compact,
    event,
    finish,
    head,
    in_chunks,
    stream,
    text,
    usage_event,
)

pytestmark = pytest.mark.anyio

COUNTED = answered(input=8, output=3, accuracy=EXACT)
PRETTY = b"".join(b"data: %b\n" % line for line in json.dumps(chunk({"content": "lo"}), indent=1).encode().split(b"\n"))
CRLF, CR = GOOD.replace(b"\n", b"\r\n"), GOOD.replace(b"\n", b"\r")


def good(*parts: bytes) -> Case:
    """Makes a case with the answer `Hello` and its usage."""
    return case(stream(*parts), COUNTED)


def damaged(*parts: bytes, said: str = "Hel") -> Case:
    """Makes a case that fails with PROVIDER_PROTOCOL."""
    return case(stream(*parts), failed("PROVIDER_PROTOCOL", said, may_have_worked=True))


CASES = {
    # Line ends.
    "lines end in LF": good(GOOD),
    "lines end in CRLF": good(CRLF),
    "lines end in CR": good(CR),
    "one document per line": good(GOOD.replace(b"data: ", b"").replace(b"\n\n", b"\n")),
    "each event has its own line end": good(text("Hel"), text("lo").replace(b"\n", b"\r"), END.replace(b"\n", b"\r\n")),
    "CRLF is split between its bytes": good(*CRLF.split(b"\n")[:1], *(b"\n" + line for line in CRLF.split(b"\n")[1:])),
    "a line end in CR is complete without another byte": case(
        (head(200, "text/event-stream", "Transfer-Encoding: chunked"), chunked(CR, last=b""), Hold()), COUNTED
    ),
    "blank lines before, between and after events": good(
        b"\n\n\n", text("Hel"), b"\n\n", text("lo"), b"\n", END, b"\n\n\n"
    ),
    # Fields.
    "no space after the colon": good(GOOD.replace(b"data: ", b"data:")),
    "two spaces after the colon": good(GOOD.replace(b"data: ", b"data:  ")),
    "a tab after the colon": good(GOOD.replace(b"data: ", b"data:\t")),
    "comments": good(b": connected\n\n", text("Hel"), b":\n\n: ping\n", text("lo"), b":x\n:y\n", END),
    "OpenRouter's comments": good(b": OPENROUTER PROCESSING\n\n" * 3, GOOD),
    "event, id and retry": good(GOOD.replace(b"data: ", b"event: message\nid: 1\nretry: 3000\ndata: ")),
    "fields after the data": good(GOOD.replace(b"\n\n", b"\nid: 7\nevent: chunk\n\n")),
    "an event without data": good(b"retry: 3000\n\nid: 1\n\n", text("Hel"), b"event: ping\n\n", text("lo"), END),
    "fields without a colon": good(text("Hel"), b"id\nretry\nfoo\n\n", text("lo"), END),
    "an unknown field": good(text("Hel"), b"foo: bar\n", text("lo"), b"sequence: 7\n\n", END),
    "data over several lines": good(text("Hel"), PRETTY + b"\n", END),
    "data over several lines in CRLF": good(text("Hel"), (PRETTY + b"\n").replace(b"\n", b"\r\n"), END),
    "white space around the data": good(text("Hel"), event(b"  " + compact(chunk({"content": "lo"})) + b" \t"), END),
    # Heartbeats.
    "heartbeats without data": good(text("Hel"), b"data:\n\n", b"data: \n\n", text("lo"), b"data\n\n", END),
    "heartbeats as named events": good(
        b"event: ping\ndata:\n\n", text("Hel"), b"event: ping\ndata: \n\n", text("lo"), END
    ),
    "heartbeats that are an empty text, null or an empty object": good(
        text("Hel"), b'data: ""\n\ndata: null\n\ndata: {}\n\n', text("lo"), END
    ),
    "heartbeats in CRLF": good(text("Hel"), b"event: ping\r\ndata:\r\n\r\n", text("lo"), END),
    "a first event with a success code": good(
        event({"code": 0, "message": "Success", "sid": "s", "choices": []}), GOOD
    ),
    "pings with a message": good(event({"type": "ping", "message": "still here"}), GOOD),
    "heartbeats before everything else": good(b"data: \n\n" * 5, GOOD),
    "heartbeats named keep-alive": good(text("Hel"), b"event: keepalive\ndata: \n\n", text("lo"), END),
    "heartbeats of several empty lines": good(text("Hel"), b"data:\ndata:\n\n", text("lo"), END),
    "Anthropic's pings": good(text("Hel"), b'event: ping\ndata: {"type": "ping"}\n\n', text("lo"), END),
    # A byte order mark.
    "a BOM": good(BOM + GOOD),
    "a BOM in three segments": good(BOM[:1], BOM[1:2], BOM[2:], GOOD),
    "a BOM and a comment": good(BOM + b": hi\n\n" + GOOD),
    "a BOM and CRLF": good(BOM + CRLF),
    # Splits.
    "byte by byte": good(*byte_by_byte(GOOD)),
    "byte by byte in CRLF": good(*byte_by_byte(CRLF)),
    "byte by byte in CR": good(*byte_by_byte(CR)),
    "one byte per chunk": case(in_chunks(*byte_by_byte(GOOD)), COUNTED),
    "three bytes per chunk": case(in_chunks(*(GOOD[at : at + 3] for at in range(0, len(GOOD), 3))), COUNTED),
    "all in one chunk": case(in_chunks(GOOD), COUNTED),
    "head and body in one segment": case((b"".join(in_chunks(GOOD)),), COUNTED),
    "slow bytes": good(GOOD[:30], GOOD[30:31], GOOD[31:200], GOOD[200:]),
    # One newline between events.
    "one newline between two events": good(text("Hel").removesuffix(b"\n"), text("lo"), END),
    "one newline between all events": good(GOOD.replace(b"\n\n", b"\n") + b"\n"),
    "one CRLF between all events": good(GOOD.replace(b"\n\n", b"\r\n") + b"\r\n"),
    # The last event.
    "the last event ends in one newline": case(
        stream(text("Hel") + event(chunk({"content": "lo"}, "stop")).removesuffix(b"\n")), answered()
    ),
    "the last event ends without a newline": case(
        stream(text("Hel") + event(chunk({"content": "lo"}, "stop"), end=b"")), answered()
    ),
    "the last event ends without a newline, in chunks": case(
        in_chunks(text("Hel"), event(chunk({"content": "lo"}, "stop"), end=b"")), answered()
    ),
    "the end mark ends without a newline": good(HELLO + finish() + usage_event() + DONE.rstrip()),
    "the end mark ends in one newline": good(HELLO + finish() + usage_event() + DONE.removesuffix(b"\n")),
    "the finish reason ends without a newline": case(stream(HELLO + finish().rstrip()), answered()),
    "the last event is cut": damaged(text("Hel") + event(chunk({"content": "lo"}, "stop"), end=b"")[:-5]),
    "the last event is cut after its JSON's text": damaged(text("Hel") + b'data: {"choices":[{"delta":{"content":"lo"'),
    "the last event is cut after its field": damaged(text("Hel") + b"data:"),
    # The end mark.
    "an end mark without a space": good(HELLO + finish() + usage_event() + b"data:[DONE]\n\n"),
    "an end mark between spaces": good(HELLO + finish() + usage_event() + b"data:  [DONE] \n\n"),
    "two end marks": good(GOOD, DONE),
    "text after the end mark": good(GOOD, text("more"), DONE),
    "damage after the end mark": good(GOOD, b"data: {nonsense\n\n"),
    "an end mark as a named event": good(HELLO + finish() + usage_event() + b"event: done\ndata: [DONE]\n\n"),
    "an end mark, and the connection stays open": case(
        (head(200, "text/event-stream", "Transfer-Encoding: chunked"), chunked(GOOD, last=b""), Hold()), COUNTED
    ),
    "an end mark, and then a reset of the body": case(
        (head(200, "text/event-stream", "Transfer-Encoding: chunked"), chunked(GOOD, last=b"zz\r\n")), COUNTED
    ),
    "an end mark in lower case": good(HELLO + finish() + usage_event() + b"data: [done]\n\n"),
    "an end mark in quotes": good(HELLO + finish() + usage_event() + b'data: "[DONE]"\n\n'),
    "an end mark without brackets": good(HELLO + finish() + usage_event() + b"data: DONE\n\n"),
    "an end mark as a list": good(HELLO + finish() + usage_event() + b'data: ["DONE"]\n\n'),
    "an end mark on its own line": case(stream(HELLO + b"[DONE]\n\n"), answered(finish="other")),
    "a cut end mark": damaged(HELLO + b"data: [DO", said="Hello"),
    "an end mark in the same event as the finish": good(
        HELLO + usage_event() + b"data: %b\ndata: [DONE]\n\n" % compact(chunk({}, "stop"))
    ),
    # Damage.
    "a line that is no field": damaged(text("Hel"), b"D" + text("lo")[1:], END),
    "a field that lost its first byte": damaged(text("Hel"), text("lo")[1:], END),
    "a field that lost its colon": damaged(text("Hel"), text("lo").replace(b"data:", b"data"), END),
    "a field with another byte": damaged(text("Hel"), text("lo").replace(b"data", b"dat\xff"), END),
    "an unknown field with an object": damaged(text("Hel"), b'result: {"a":1}\n\n', text("lo"), END),
    "an unknown field with an object after spaces": damaged(text("Hel"), b'result:  {"a":1}\n\n', text("lo"), END),
    "an unknown field with an object after a tab": damaged(text("Hel"), b'result:\t{"a":1}\n\n', text("lo"), END),
    "an unknown field with a list, a text or a number": good(
        text("Hel"), b'meta: [1,2]\nname: "x"\nusage: 7\n', text("lo"), END
    ),
    "unclosed JSON": damaged(text("Hel"), event(compact(chunk({"content": "lo"}))[:-1]), END),
    "JSON that is not an object": damaged(text("Hel"), event(b"5"), END),
    "JSON that is a string": damaged(text("Hel"), event(b'"lo"'), END),
    "text that is not JSON": damaged(text("Hel"), event(b"upstream connect error"), END),
    "choices under another name": damaged(text("Hel"), text("lo").replace(b"choices", b"ch\x20ices"), END),
    "a delta under another name": damaged(text("Hel"), text("lo").replace(b'"delta"', b'"del\x20a"'), END),
    "choices that are not a list": damaged(text("Hel"), event({**CHUNK_HEAD, "choices": {"0": {}}}), END),
    "a choice that is not an object": damaged(text("Hel"), event({**CHUNK_HEAD, "choices": ["lo"]}), END),
    "a delta as a list": damaged(text("Hel"), event(chunk(["lo"])), END),
    "invalid UTF-8": damaged(text("Hel"), event(b'{"choices":[{"index":0,"delta":{"content":"l\xff"}}]}'), END),
    "cut UTF-8": damaged(text("Hel"), event(b'{"choices":[{"index":0,"delta":{"content":"\xe2\x82"}}]}')),
    # Data that is no chunk.
    "an empty stream": damaged(b"", said=""),
    "only an end mark": damaged(DONE, said=""),
    "heartbeats and an end mark": damaged(b": hi\n\ndata:\n\n" + DONE, said=""),
    "events of another protocol": damaged(event({"hello": 1}), event({"world": 2}), DONE, said=""),
    "an HTML page": case(stream(b"<!DOCTYPE html><html><body>Hello</body></html>"), failed("PROVIDER_PROTOCOL")),
    "words": case(stream(b"Hello there\n\n"), failed("PROVIDER_PROTOCOL")),
    # UTF-8 split between reads.
    "characters of several bytes, byte by byte": case(
        stream(
            *byte_by_byte(event('{"choices":[{"index":0,"delta":{"content":"wörld €😀"}}]}'.encode()) + finish() + DONE)
        ),
        answered("wörld €😀"),
    ),
    "characters as escapes": case(stream(text("wörld €😀\u2028"), END), answered("wörld €😀\u2028")),
    "control characters as escapes": case(stream(text("a\u0000\t\u001fb"), END), answered("a\u0000\t\u001fb")),
    "line separators in the text": case(
        stream(event('{"choices":[{"index":0,"delta":{"content":"a\u2028b\u0085c"}}]}'.encode()), END),
        answered("a\u2028b\u0085c"),
    ),
    # Long lines and events.
    "an event of a megabyte": case(stream(text("x" * 2**20), END), answered("x" * 2**20)),
    "many events in one segment": case(stream(text("ab") * 2000 + END), answered("ab" * 2000)),
    "a role chunk first": good(ROLE, GOOD),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_stream_is_read_as_the_standard_says(name: str, results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], results[name])
