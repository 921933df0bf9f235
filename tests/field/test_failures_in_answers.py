"""Failures under status 200: instead of the answer, as its first event, or after some of its text."""

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import NOT_EXACT, CallResult, OneOf, Says, answered, failed
from tests.field.wire import DONE, EVENT_STREAM, GOOD, HELLO, chunk, compact, error, event, finish, stream, text, whole

pytestmark = pytest.mark.anyio

AUTH, MODEL, REJECTED = "PROVIDER_AUTH", "UNKNOWN_MODEL", "PROVIDER_REJECTED"
LIMITED, UNAVAILABLE, PROTOCOL = "PROVIDER_RATE_LIMITED", "PROVIDER_UNAVAILABLE", "PROVIDER_PROTOCOL"
BROKEN_OFF = OneOf(PROTOCOL, UNAVAILABLE)
INVALID = "invalid_request_error"

FAILURES: dict[str, tuple[object, object]] = {
    "code 429 as text": (LIMITED, error("x", None, "429")),
    "code 500 as text": (UNAVAILABLE, error("x", None, "500")),
    "code 503 as text": (UNAVAILABLE, error("x", None, "503")),
    "code 400 as text": (REJECTED, error("x", None, "400")),
    "code 401 as text": (AUTH, error("x", None, "401")),
    "code 429": (LIMITED, error("x", None, 429)),
    "code 502": (UNAVAILABLE, error("x", None, 502)),
    "code 402": (AUTH, error("x", None, 402)),
    "code 504 of vLLM": (UNAVAILABLE, error("TimeoutError", "GatewayTimeout", 504)),
    "a status beside the error": (REJECTED, {"error": {"type": INVALID, "message": "x", "status_code": 400}}),
    "a status beside the error, as text": (LIMITED, {"error": {"message": "x", "status_code": "429"}}),
    "a status under another name": (UNAVAILABLE, {"error": {"message": "x", "status": 503}}),
    "a status at the top": (UNAVAILABLE, {"error": {"message": "x"}, "status_code": 503}),
    "a refusal by its type": (REJECTED, error("x", INVALID)),
    "vLLM's refusal": (
        REJECTED,
        {"object": "error", "message": "x", "type": "BadRequestError", "param": None, "code": 400},
    ),
    "vLLM's newer refusal": (
        REJECTED,
        {"error": {"object": "error", "message": "x", "type": "BadRequestError", "code": 400}},
    ),
    "vLLM's failure": (UNAVAILABLE, {"object": "error", "message": "x", "type": "InternalServerError", "code": 500}),
    "a limit by its type": (LIMITED, error("x", "rate_limit_error")),
    "a limit by its code": (LIMITED, error("x", "requests", "rate_limit_exceeded")),
    "a failure by its type": (UNAVAILABLE, error("The server had an error", "server_error")),
    "Anthropic's overload": (
        UNAVAILABLE,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ),
    "an empty account": (AUTH, error("x", "insufficient_quota", "insufficient_quota")),
    "Zhipu's empty account": (AUTH, {"error": {"code": "1113", "message": "x"}}),
    "Google's limit": (LIMITED, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}}]),
    "Google's failure": (UNAVAILABLE, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "x"}}),
    "Google's failure by its status name": (UNAVAILABLE, {"error": {"status": "UNAVAILABLE", "message": "x"}}),
    "an unknown model": (MODEL, error("x", INVALID, "model_not_found")),
    "llama.cpp's failure": (UNAVAILABLE, {"error": {"code": 500, "message": "x", "type": "server_error"}}),
    "an error as text": (BROKEN_OFF, {"error": "Model crashed"}),
    "an error as a list": (BROKEN_OFF, {"error": ["x"]}),
    "an error that is true": (BROKEN_OFF, {"error": True}),
    "an error without members": (BROKEN_OFF, {"error": {"message": "x"}}),
    "TGI's refusal": (REJECTED, {"error": "Input validation error: `x` must be positive", "error_type": "validation"}),
    "SGLang's full queue": (
        UNAVAILABLE,
        {
            "error": {
                "object": "error",
                "message": "The request queue is full.",
                "type": "SERVICE_UNAVAILABLE",
                "code": 503,
            }
        },
    ),
    "a detail": (BROKEN_OFF, {"detail": "x"}),
    "TGI's error": (BROKEN_OFF, {"error": "Request failed during generation", "error_type": "generation"}),
    "MiniMax's limit beside no choices": (LIMITED, {"choices": None, "base_resp": {"status_code": 1002}}),
    "MiniMax's empty account beside no choices": (AUTH, {"choices": [], "base_resp": {"status_code": 1008}}),
    "MiniMax's filter": (REJECTED, {"choices": None, "base_resp": {"status_code": 1027, "status_msg": "x"}}),
    "MiniMax's key beside zero counts": (
        AUTH,
        {"choices": None, "usage": {"total_tokens": 0}, "base_resp": {"status_code": 1004, "status_msg": "login fail"}},
    ),
    "MiniMax's filter beside counts": (
        REJECTED,
        {"choices": None, "usage": {"total_tokens": 9}, "base_resp": {"status_code": 1027, "status_msg": "x"}},
    ),
    "MiniMax's filter beside a choice": (
        REJECTED,
        chunk({}, "stop", base_resp={"status_code": 1027, "status_msg": "output new_sensitive"}),
    ),
    "TGI's status": (UNAVAILABLE, {"error": {"http_status_code": 424, "message": "x"}}),
    "a title and a status": (LIMITED, {"type": "about:blank", "title": "Too Many Requests", "status": 429}),
    "a list of errors": (LIMITED, {"errors": [{"status": 429, "title": "Too many"}]}),
    "an error as one word": (LIMITED, {"error": "rate_limit_exceeded"}),
    "SiliconFlow's message": (BROKEN_OFF, {"code": 50507, "message": "Request failed", "data": None}),
}


def first(reason: object, document: object) -> Case:
    """Makes a case of a failure as the stream's first event: retried only if it says that nothing was begun."""
    return case(
        stream(event(document), DONE), failed(reason, requests=OneOf(1, 3) if reason in (LIMITED, UNAVAILABLE) else 1)
    )


def after_text(reason: object, document: object, named: bytes = b"") -> Case:
    """Makes a case of a failure after text, followed by what looks like a good end."""
    return case(
        stream(HELLO, named + event(document), finish(), DONE),
        failed(reason, "Hello", may_have_worked=True, accuracy=NOT_EXACT),
    )


CASES: dict[str, Case] = {
    **{f"first: {name}": first(*failure) for name, failure in FAILURES.items()},
    **{f"after text: {name}": after_text(*failure) for name, failure in FAILURES.items()},
    **{
        f"instead, as JSON: {name}": case(whole(document), failed(reason, requests=OneOf(1, 3)))
        for name, (reason, document) in FAILURES.items()
    },
    **{
        f"instead, as a stream: {name}": case(
            whole(document, content_type=EVENT_STREAM), failed(reason, requests=OneOf(1, 3))
        )
        for name, (reason, document) in FAILURES.items()
    },
    # A failure that says it is a rate limit or overload, before anything was begun, is safe to retry.
    "a limit as the first event is retried": case(
        stream(event(error("x", None, "429")), DONE), failed(LIMITED, requests=3, may_have_worked=False)
    ),
    "an overload as the first event is retried": case(
        stream(event({"error": {"type": "overloaded_error", "message": "x"}}), DONE),
        failed(UNAVAILABLE, requests=3, may_have_worked=False),
    ),
    "a limit as the first event, then an answer": case(
        (stream(event(error("x", None, 429)), DONE), stream(GOOD)), answered(requests=2)
    ),
    "a limit after a comment, which is no event, is retried": case(
        (stream(b": hi\n\n", event(error("x", None, 429)), DONE), stream(GOOD)), answered(requests=2)
    ),
    "a limit after a heartbeat is not retried": case(
        (stream(b"data:\n\n", event(error("x", None, 429)), DONE), stream(GOOD)), failed(LIMITED, may_have_worked=True)
    ),
    "a failure as the first event is not retried": case(
        stream(event(error("x", "server_error")), DONE), failed(UNAVAILABLE, may_have_worked=True)
    ),
    "a limit after a role is not retried": case(
        stream(event(chunk({"role": "assistant", "content": ""})), event(error("x", None, 429)), DONE),
        failed(LIMITED, may_have_worked=True),
    ),
    "a limit after reasoning is not retried": case(
        stream(event(chunk({"reasoning_content": "hm"})), event(error("x", None, 429)), DONE),
        failed(LIMITED, may_have_worked=True),
    ),
    # Errors inside an event of their own.
    "an event named error": after_text(BROKEN_OFF, {"message": "x"}, b"event: error\n"),
    "an event named error, with text": case(
        stream(HELLO, b"event: error\ndata: upstream went away\n\n", finish(), DONE), failed(BROKEN_OFF, "Hello")
    ),
    "an event named error, without data": case(
        stream(HELLO, b"event: error\ndata:\n\n", finish(), DONE), failed(BROKEN_OFF, "Hello")
    ),
    "an event named error, with a code": after_text(LIMITED, {"code": 429, "message": "x"}, b"event: error\n"),
    "an event named error, with an error": after_text(UNAVAILABLE, error("x", "server_error"), b"event: error\n"),
    "an event named error, with its name after the data": case(
        stream(HELLO, event({"message": "x"}, b"\nevent: error\n\n"), finish(), DONE), failed(BROKEN_OFF, "Hello")
    ),
    "an event named error as the first event": case(
        stream(b"event: error\n" + event({"message": "x"}), DONE), failed(BROKEN_OFF)
    ),
    "LM Studio's too long prompt": case(
        stream(
            b"event: error\n"
            + event(
                {
                    "error": {
                        "message": "The number of tokens to keep from the prompt is greater than the context length"
                    }
                }
            ),
        ),
        failed(REJECTED, message=Says("too long")),
    ),
    "a field named error": case(
        stream(HELLO, b'error: {"code":500,"message":"x","type":"server_error"}\n\n', finish(), DONE),
        failed(UNAVAILABLE, "Hello", may_have_worked=True),
    ),
    "a field named error, first": case(
        stream(b'error: {"code":400,"message":"x","type":"invalid_request_error"}\n\n'), failed(REJECTED)
    ),
    "a field named error, with an error": case(
        stream(HELLO, b'error: {"error":{"code":429,"message":"x"}}\n\n', finish(), DONE), failed(LIMITED, "Hello")
    ),
    "within Groq's member": case(
        stream(HELLO, event(chunk({}, x_groq={"id": "r", "error": "over_capacity"})), DONE),
        failed(UNAVAILABLE, "Hello"),
    ),
    "within a delta": case(
        stream(HELLO, event(chunk({"error": {"message": "x", "code": 500}})), finish(), DONE),
        failed(UNAVAILABLE, "Hello", may_have_worked=True),
    ),
    "Baidu's limit": case(
        whole({"error_code": 18, "error_msg": "Open api qps request limit reached"}),
        failed(LIMITED, requests=3, may_have_worked=False),
    ),
    # Cut or damaged after text.
    "after text, cut within its JSON": case(
        stream(HELLO, event(error("x", "server_error"))[:30]), failed(PROTOCOL, "Hello")
    ),
    "after text, as bare JSON": case(
        stream(HELLO, compact(error("x", "server_error")) + b"\n\n", DONE),
        failed(OneOf(UNAVAILABLE, PROTOCOL), "Hello"),
    ),
    "after the finish reason": case(
        stream(HELLO, finish(), event(error("x", "server_error")), DONE), failed(UNAVAILABLE, "Hello")
    ),
    "after the end mark": case(stream(HELLO, finish(), DONE, event(error("x", "server_error"))), answered()),
    "beside text in one chunk": case(
        stream(text("Hel"), text("lo", error={"code": 502, "message": "x"}), DONE),
        failed(UNAVAILABLE, "Hello"),
        failed(UNAVAILABLE, "Hel"),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_failure_under_status_200_is_reported_as_a_failure(
    name: str, results: dict[str, list[CallResult]]
) -> None:
    check(CASES[name], results[name])
