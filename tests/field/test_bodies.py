"""Answers in every form that servers send: text and typed parts, whole and streamed, requested or not."""

import json

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import EXACT, CallResult, answered, failed
from tests.field.wire import (
    BOM,
    CHUNK_HEAD,
    DONE,
    END,
    EVENT_STREAM,
    GOOD,
    HELLO,
    ROLE,
    byte_by_byte,
    chunk,
    compact,
    completion,
    event,
    finish,
    stream,
    text,
    usage_event,
    whole,
    with_choice,
)

pytestmark = pytest.mark.anyio

COUNTED = answered(input=8, output=3, accuracy=EXACT)
PROTOCOL = failed("PROVIDER_PROTOCOL")
THINKING = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
FILTERS = {"hate": {"filtered": False, "severity": "safe"}}
HALVES = b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}'
ANNOTATION = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "choices": [{"finish_reason": None, "index": 0, "content_filter_results": FILTERS, "content_filter_offsets": {}}],
}
PROMPT_FILTER = {"id": "", "object": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}


def good(*parts: bytes) -> Case:
    """Makes a case of a stream with the answer `Hello` and its usage."""
    return case(stream(*parts), COUNTED)


def good_whole(document: object, content_type: str = "application/json") -> Case:
    """Makes a case of a whole answer `Hello` with its usage."""
    return case(whole(document, content_type=content_type), COUNTED)


def delta(content: object, **more: object) -> bytes:
    """Writes the event of a delta with additional members."""
    return event(chunk({"content": content, **more}))


CASES = {
    # Content in a stream.
    "parts": good(delta(THINKING), delta([{"type": "text", "text": "Hel"}]), delta("lo"), END),
    "several parts in one delta": good(
        delta([*THINKING, {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]), END
    ),
    "Databricks' reasoning parts": good(
        delta([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]),
        delta([{"type": "text", "text": "Hello"}]),
        END,
    ),
    "an empty list of parts": good(delta([]), HELLO, END),
    "null and empty content": good(ROLE, delta(None), delta(""), HELLO, delta(None), END),
    "a null delta": good(event(chunk(None)), HELLO, event(chunk(None, "stop")), usage_event(), DONE),
    "reasoning in its own member": good(
        delta(None, reasoning_content="hm"), delta("", reasoning="hm"), delta(None, reasoning_details=[]), HELLO, END
    ),
    "null reasoning beside the text": good(
        delta("Hel", reasoning_content=None), delta("lo", reasoning=None, refusal=None), END
    ),
    "null or empty tool calls": good(delta("Hel", tool_calls=None), delta("lo", tool_calls=[]), END),
    "a refusal": case(stream(event(chunk({"refusal": "I can't"})), END), answered("", "refusal")),
    "unknown members everywhere": good(
        ROLE.replace(b'"model"', b'"x_new":{"a":[1]},"model"'),
        event(chunk({"content": "Hel", "annotations": [], "audio": None}, obfuscation="x8s", service_tier="default")),
        event({**chunk({"content": "lo"}), "citations": ["https://example.com"], "provider": "P", "native": {}}),
        END,
    ),
    "log probabilities": good(
        event({**CHUNK_HEAD, "choices": [{"index": 0, "delta": {"content": "Hello"}, "logprobs": {"content": []}}]}),
        END,
    ),
    "two choices in one chunk": good(
        event(
            {
                **CHUNK_HEAD,
                "choices": [{"index": 0, "delta": {"content": "Hello"}}, {"index": 1, "delta": {"content": "no"}}],
            }
        ),
        END,
    ),
    "the second choice first": good(
        event(
            {
                **CHUNK_HEAD,
                "choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "Hello"}}],
            }
        ),
        END,
    ),
    "a second choice in separate chunks": good(
        text("Hel"),
        event({**CHUNK_HEAD, "choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}),
        text("lo"),
        END,
    ),
    "choices without an index": good(
        HELLO.replace(b'"index":0,', b""), finish().replace(b'"index":0,', b""), usage_event(), DONE
    ),
    "null choices beside the usage": good(
        HELLO,
        finish(),
        event({**CHUNK_HEAD, "choices": None, "usage": {"prompt_tokens": 8, "completion_tokens": 3}}),
        DONE,
    ),
    "Azure's first chunk": good(event(PROMPT_FILTER), ROLE, HELLO, END),
    "Azure's annotations": good(
        event(PROMPT_FILTER), HELLO, event(ANNOTATION), finish(), event(ANNOTATION), usage_event(), DONE
    ),
    "a name only in the first chunk": case(
        stream(ROLE, HELLO.replace(b'"model":"m"', b'"model":""'), END.replace(b'"model":"m",', b"")),
        answered(model="m"),
    ),
    "error is null in every chunk": good(GOOD.replace(b'"object"', b'"error":null,"object"')),
    "error is empty in every chunk": good(GOOD.replace(b'"object"', b'"error":"","code":0,"message":"","object"')),
    "error has only empty members in every chunk": good(
        GOOD.replace(b'"object"', b'"error":{"message":"","type":"","param":null,"code":0},"object"')
    ),
    "empty finish reasons": good(HELLO.replace(b"null", b'""'), END),
    'finish reasons with the text "null"': good(HELLO.replace(b"null", b'"null"'), END),
    "the whole message repeated at the end, as MiniMax sends it": good(HELLO, event(completion())),
    "the whole message repeated after the finish reason": good(HELLO, finish(), event(completion()), DONE),
    "the whole message at the end, with more": case(
        stream(HELLO, event(completion("Hello!"))), answered("Hello!", input=8, output=3)
    ),
    "the whole message after half a surrogate pair": case(
        stream(
            event(b'{"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}'),
            event(b'{"choices":[{"index":0,"delta":{"content":"\\ude00b"}}]}'),
            event(completion("a😀b")),
        ),
        answered("a😀b"),
    ),
    "pieces that repeat one another are no repeats": case(
        stream(text("ha"), text("ha"), event(chunk({"content": "haha"}, "stop")), DONE), answered("hahahaha")
    ),
    "messages that repeat one another before the end are no repeats": case(
        stream(text("ha"), text("ha").replace(b'"delta"', b'"message"'), text("!"), finish(), DONE), answered("haha!")
    ),
    "a message in place of the delta": case(stream(HELLO.replace(b'"delta"', b'"message"'), END), COUNTED, PROTOCOL),
    "a text in place of the delta": case(
        stream(
            HELLO.replace(b'"delta":{"content":"Hel"}', b'"text":"Hel"').replace(
                b'"delta":{"content":"lo"}', b'"text":"lo"'
            ),
            END,
        ),
        COUNTED,
        PROTOCOL,
    ),
    "a text beside an empty delta": good(
        *(event({**CHUNK_HEAD, "choices": [{"index": 0, "delta": {}, "text": piece}]}) for piece in ("Hel", "lo")), END
    ),
    "Perplexity's growing message beside the delta": good(
        event({**CHUNK_HEAD, "choices": [{"index": 0, "delta": {"content": "Hel"}, "message": {"content": "Hel"}}]}),
        event({**CHUNK_HEAD, "choices": [{"index": 0, "delta": {"content": "lo"}, "message": {"content": "Hello"}}]}),
        END,
    ),
    # Numbers and characters.
    "NaN beside the text": good(text("Hel").replace(b'"index":0', b'"index":0,"logprob":NaN'), text("lo"), END),
    "infinities beside the text": good(
        text("Hel").replace(b'"index":0', b'"index":0,"a":Infinity,"b":-Infinity'), text("lo"), END
    ),
    "NaN as a string beside the text": good(text("Hel"), text("lo", note="NaN, Infinity"), END),
    "NaN in the text": case(
        stream(text("NaN: "), text("NaN", score=1).replace(b":1}", b":NaN}"), END), answered("NaN: NaN")
    ),
    "a huge number": good(
        text("Hel").replace(b'"index":0', b'"index":0,"a":1e999,"b":%b' % (b"9" * 400)), text("lo"), END
    ),
    "halves of a surrogate pair in two deltas": case(
        stream(event(HALVES % b"a\\ud83d"), event(HALVES % b"\\ude00b"), END), answered("a😀b")
    ),
    "halves of a surrogate pair around an empty delta": case(
        stream(event(HALVES % b"\\ud83d"), delta(None), event(HALVES % b"\\ude00"), END), answered("😀")
    ),
    "a lone half of a surrogate pair": case(
        stream(event(HALVES % b"a\\ud83d"), event(HALVES % b"b"), END),
        answered("a\ufffdb"),
        failed("PROVIDER_PROTOCOL", "a"),
    ),
    "half of a surrogate pair at the end": case(
        stream(event(HALVES % b"a\\ud83d"), END), answered("a\ufffd"), failed("PROVIDER_PROTOCOL", "a")
    ),
    "a pair in one delta": case(stream(event(HALVES % b"\\ud83d\\ude00"), END), answered("😀")),
    # Whole answers.
    "whole": good_whole(completion()),
    "whole, typed as a stream": good_whole(completion(), EVENT_STREAM),
    "whole, typed as bytes": good_whole(completion(), "application/octet-stream"),
    "whole, typed as plain text": good_whole(completion(), "text/plain; charset=utf-8"),
    "whole, over several lines": good_whole(json.dumps(completion(), indent=2).encode()),
    "whole, over several lines, typed as a stream": good_whole(
        json.dumps(completion(), indent=2).encode(), EVENT_STREAM
    ),
    "whole, then the end mark": good_whole(compact(completion()) + b"\n\n" + DONE),
    "whole, then the end mark, typed as a stream": good_whole(compact(completion()) + b"\n\n" + DONE, EVENT_STREAM),
    "whole, then the end mark without a space": good_whole(compact(completion()) + b"data: [DONE]"),
    "whole, after a BOM": good_whole(BOM + compact(completion())),
    "whole, after a BOM, typed as a stream": good_whole(BOM + compact(completion()), EVENT_STREAM),
    "whole, after blank keep-alive lines": case(
        stream(b"\n", b"\n\n", b" \r\n", compact(completion()), content_type="application/json"), COUNTED
    ),
    "whole, byte by byte": case(stream(*byte_by_byte(compact(completion())), content_type="application/json"), COUNTED),
    "whole, as one event": good(event(completion()), DONE),
    "whole, as one event without the end mark": good(event(completion())),
    "a stream typed as JSON": case(stream(GOOD, content_type="application/json"), COUNTED),
    "a stream typed as bytes": case(stream(GOOD, content_type="application/octet-stream"), COUNTED),
    "a stream without a type": case(stream(GOOD, content_type=""), COUNTED),
    "a stream with a charset": case(stream(GOOD, content_type="Text/Event-Stream;charset=UTF-8"), COUNTED),
    "a stream typed as plain text": case(stream(GOOD, content_type="text/plain"), COUNTED),
    "whole in parts": good_whole(
        completion([*THINKING, {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}])
    ),
    "whole with reasoning": good_whole(
        with_choice({"index": 0, "message": {"content": "Hello", "reasoning_content": "hm"}, "finish_reason": "stop"})
    ),
    "whole with NaN": good_whole(compact(completion()).replace(b'"index":0', b'"index":0,"logprobs":NaN')),
    "whole with an error of empty members": good_whole({**completion(), "error": {"message": "", "code": None}}),
    "whole without text": case(whole(completion("")), answered("")),
    "whole with a text beside null content": good_whole(
        with_choice({"index": 0, "message": {"content": None, "text": "Hello"}, "finish_reason": "stop"})
    ),
    "whole with null text": case(whole(completion(None)), answered("")),
    "whole with two choices": good_whole(
        {
            **completion(),
            "choices": [
                {"index": 1, "message": {"content": "no"}, "finish_reason": "length"},
                {"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"},
            ],
        }
    ),
    "whole with a refusal": case(
        whole(with_choice({"index": 0, "message": {"content": None, "refusal": "I can't"}, "finish_reason": "stop"})),
        answered("", "refusal"),
    ),
    "whole with a delta": case(
        whole(with_choice({"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"})), COUNTED, PROTOCOL
    ),
    "whole, cut": case(stream(compact(completion())[:-20], content_type="application/json"), PROTOCOL),
    "whole, cut within its text": case(
        stream(compact(completion()).partition(b"lo")[0], content_type="application/json"), PROTOCOL
    ),
    "whole without choices": case(whole({**completion(), "choices": []}), PROTOCOL),
    "whole with null choices": case(whole({**completion(), "choices": None}), PROTOCOL),
    "whole without the member choices": case(whole({"id": "x", "object": "chat.completion"}), PROTOCOL),
    "two whole answers": case(whole(compact(completion("no")) + compact(completion())), PROTOCOL),
    "a list": case(whole([1, 2]), PROTOCOL),
    "a JSON null": case(whole(b"null"), PROTOCOL),
    "an empty answer": case(whole(b""), PROTOCOL),
    "a blank answer": case(whole(b" \n"), PROTOCOL),
    "an HTML page": case(whole(b"<html><body>Sign in</body></html>", content_type="text/html"), PROTOCOL),
    "invalid UTF-8 in a whole answer": case(whole(compact(completion()).replace(b"Hello", b"Hel\xfflo")), PROTOCOL),
    "lines of JSON": case(
        whole(HELLO.replace(b"data: ", b"") + finish()[6:], content_type="application/x-ndjson"), answered(), PROTOCOL
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_answer_in_any_form_loses_no_text(name: str, results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], results[name])
