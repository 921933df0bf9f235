"""How answers end: complete, cut, or because the provider failed."""

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import EXACT, NOT_EXACT, CallResult, OneOf, answered, failed
from tests.field.provider import Reset
from tests.field.wire import (
    CHUNK_HEAD,
    DONE,
    HELLO,
    chunk,
    chunked,
    compact,
    completion,
    event,
    finish,
    head,
    in_chunks,
    stream,
    text,
    usage_event,
    whole,
    with_choice,
)

pytestmark = pytest.mark.anyio

WORDS = {
    "stop": ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "STOP", "COMPLETE", "END_TURN"),
    "length": (
        "length",
        "max_tokens",
        "MAX_TOKENS",
        "model_length",
        "LENGTH",
        "max_output_tokens",
        "token_limit_reached",
    ),
    "content_filter": (
        *("content_filter", "sensitive", "SAFETY", "CONTENT_FILTER", "RECITATION", "ContentFilter"),
        *("content_filter: SAFETY", "content_filter: OTHER"),
    ),
    "malformed_output": ("function_call_filter: MALFORMED_FUNCTION_CALL", "function_call_filter: UNEXPECTED_TOOL_CALL"),
    "other": ("something_new", "Weird", "pause_turn", "FINISH_REASON_UNSPECIFIED"),
}
"""Finish reasons of the vendors, by meaning. `model_context_window_exceeded` is a limit too."""
PROVIDER_FAILED = (
    "error",
    "network_error",
    "insufficient_system_resource",
    "ERROR",
    "abort",
    "USER_CANCEL",
    "worker_error",
    "preempted",
    "evicted",
    "oom",
    "out_of_memory",
)
FAILED = OneOf("PROVIDER_UNAVAILABLE", "PROVIDER_PROTOCOL")
PART = OneOf("", "Hel")
"""The text before the failure, if the provider's answer was one document: a stream may pass it on."""
CUT = failed("PROVIDER_PROTOCOL", "Hello", may_have_worked=True)


def native(reason: str, text: str = "lo") -> dict[str, object]:
    """Makes OpenRouter's last chunk: it reports `stop`, but the provider behind it ended for this reason."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop", "native_finish_reason": reason}
    return {**CHUNK_HEAD, "choices": [choice]}


def whole_error(code: object) -> dict[str, object]:
    """Makes OpenRouter's whole answer that failed."""
    failure = {"message": "Upstream error", "code": code}
    return with_choice(
        {"index": 0, "message": {"role": "assistant", "content": "Hel"}, "finish_reason": "error", "error": failure}
    )


CASES: dict[str, Case] = {
    **{
        f"finish reason {word}": case(stream(HELLO, finish(word), usage_event(), DONE), answered(finish=meaning))
        for meaning, words in WORDS.items()
        for word in words
    },
    **{
        f"whole with finish reason {word}": case(whole(completion(finish=word)), answered(finish=meaning))
        for meaning, words in WORDS.items()
        for word in words
    },
    **{
        f"finish reason {word} of a provider that failed": case(
            stream(HELLO, finish(word), DONE), failed(FAILED, "Hello", accuracy=NOT_EXACT, may_have_worked=True)
        )
        for word in PROVIDER_FAILED
    },
    **{
        f"whole with finish reason {word} of a provider that failed": case(
            whole(completion("Hel", word)), failed(FAILED, PART, may_have_worked=True)
        )
        for word in PROVIDER_FAILED
    },
    "a full context window": case(
        stream(HELLO, finish("model_context_window_exceeded"), DONE),
        answered(finish=OneOf("length", "context_exceeded")),
    ),
    "tool calls": case(
        stream(
            event(chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]})),
            finish("tool_calls"),
            DONE,
        ),
        answered("", OneOf("other", "tool_calls")),
    ),
    "a failure before any text": case(stream(finish("error"), DONE), failed(FAILED, requests=OneOf(1, 3))),
    "OpenRouter's failure in a chunk": case(
        stream(
            HELLO,
            event(chunk({"content": ""}, "error", error={"code": 502, "message": "Provider disconnected"})),
            DONE,
        ),
        failed("PROVIDER_UNAVAILABLE", "Hello", may_have_worked=True),
    ),
    "OpenRouter's whole failure": case(
        whole(whole_error(502)), failed("PROVIDER_UNAVAILABLE", PART, may_have_worked=True)
    ),
    "OpenRouter's whole failure, with the code as text": case(
        whole(whole_error("502")), failed("PROVIDER_UNAVAILABLE", PART)
    ),
    **{
        f"OpenRouter's stop for {reason}": case(
            stream(text("Hel"), event(native(reason)), usage_event(), DONE),
            failed(FAILED, OneOf("Hel", "Hello"), may_have_worked=True),
        )
        for reason in ("network_error", "error", "CANCELLED")
    },
    "OpenRouter's stop for an error, without text": case(
        stream(event(native("error", "")), usage_event(), DONE), failed(FAILED, may_have_worked=True)
    ),
    "OpenRouter's stop for an error, whole": case(
        whole(
            with_choice(
                {
                    "index": 0,
                    "message": {"content": ""},
                    "finish_reason": "stop",
                    "native_finish_reason": "network_error",
                }
            )
        ),
        failed(FAILED, may_have_worked=True),
    ),
    **{
        f"OpenRouter's stop for {reason}": case(
            stream(text("Hel"), event(native(reason)), usage_event(), DONE), answered(accuracy=EXACT)
        )
        for reason in ("completed", "end_turn", "STOP")
    },
    "a stop string of vLLM's that is the word error": case(
        stream(
            HELLO,
            event(
                {
                    **CHUNK_HEAD,
                    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "error"}],
                }
            ),
            DONE,
        ),
        answered(),
    ),
    "an error only in the choice": case(
        stream(
            HELLO,
            event(
                {
                    **CHUNK_HEAD,
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": None, "error": {"code": 502}}],
                }
            ),
            DONE,
        ),
        failed(FAILED, "Hello"),
    ),
    # Finish reasons in unusual places.
    "with the last text": case(stream(text("Hel"), event(chunk({"content": "lo"}, "stop")), DONE), answered()),
    "all in one chunk": case(stream(event(chunk({"role": "assistant", "content": "Hello"}, "stop")), DONE), answered()),
    "in every chunk": case(
        stream(event(chunk({"content": "Hel"}, "stop")), event(chunk({"content": "lo"}, "stop")), DONE), answered()
    ),
    "before the last text": case(stream(text("Hel"), finish(), text("lo"), DONE), answered()),
    "twice": case(stream(HELLO, finish(), finish(), usage_event(), DONE), answered(accuracy=EXACT)),
    "with a reason as an object": case(
        stream(HELLO, finish({"type": "length", "length": 3}), DONE), answered(finish="length")
    ),
    "with a failure as an object": case(
        stream(HELLO, finish({"type": "abort", "message": "x", "status_code": 500}), DONE),
        failed(FAILED, "Hello", may_have_worked=True),
    ),
    "with a refusal as an object": case(
        stream(finish({"type": "abort", "message": "x", "status_code": 400}), DONE), failed("PROVIDER_REJECTED")
    ),
    "with a reason that is not text": case(stream(HELLO, finish(1), DONE), CUT, answered(finish="other")),
    # End marks and cuts.
    "an end mark without a finish reason": case(stream(HELLO, DONE), answered(finish="other")),
    "an end mark and a usage without a finish reason": case(
        stream(HELLO, usage_event(), DONE), answered(finish="other", input=8, output=3, accuracy=EXACT)
    ),
    "a finish reason without an end mark": case(stream(HELLO, finish()), answered()),
    "a finish reason without an end mark, in chunks": case(in_chunks(HELLO, finish()), answered()),
    "neither": case(stream(HELLO), CUT),
    "neither, in chunks": case(in_chunks(HELLO), CUT),
    "neither, but a usage": case(stream(HELLO, usage_event()), CUT),
    "no text, no end": case(stream(event(chunk({"role": "assistant"}))), failed("PROVIDER_PROTOCOL")),
    "a cut of the chunks": case(
        (head(200, "text/event-stream", "Transfer-Encoding: chunked"), chunked(HELLO, last=b"")), CUT
    ),
    "a cut within a chunk": case(
        (head(200, "text/event-stream", "Transfer-Encoding: chunked"), chunked(HELLO, last=b"ff\r\n" + finish()[:9])),
        CUT,
    ),
    "a reset": case(stream(HELLO, Reset()), CUT),
    "a reset within an event": case(stream(HELLO + text("more")[:40], Reset()), CUT),
    "fewer bytes than the length": case((head(200, "text/event-stream", "Content-Length: 9999") + HELLO,), CUT),
    "fewer bytes than the length, after the end mark": case(
        (head(200, "text/event-stream", "Content-Length: 9999") + HELLO + finish() + usage_event() + DONE,), answered()
    ),
    "fewer bytes than a whole answer's length": case(
        (head(200, "application/json", "Content-Length: 9999") + compact(completion()),), failed("PROVIDER_PROTOCOL")
    ),
    "a whole answer's reset": case(
        (head(200, "application/json", "Content-Length: 9999") + compact(completion())[:50], Reset()),
        failed("PROVIDER_PROTOCOL"),
    ),
    "only a head": case(
        (head(200, "text/event-stream", "Transfer-Encoding: chunked"),),
        failed(OneOf("PROVIDER_PROTOCOL", "PROVIDER_UNAVAILABLE")),
    ),
    "no text, but a proper end": case(stream(finish(), usage_event(), DONE), answered("")),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_end_is_reported_for_what_it_is(name: str, results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], results[name])
