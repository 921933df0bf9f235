"""Bedrock's answers and failures, byte for byte."""

import pytest

from tests.field.events import (
    BLOCK_END,
    END,
    GOOD,
    HELLO,
    START,
    delta,
    event,
    exception,
    failure,
    message,
    metadata,
    refusal,
    stop,
    stream,
    text,
)
from tests.field.field import Case, case, check
from tests.field.outcome import ESTIMATED, EXACT, NOT_EXACT, CallResult, OneOf, Says, Within, answered, failed
from tests.field.provider import Reset
from tests.field.wire import byte_by_byte, head, whole
from tests.standins import eventstream

pytestmark = pytest.mark.anyio

AUTH, MODEL, REJECTED = "PROVIDER_AUTH", "UNKNOWN_MODEL", "PROVIDER_REJECTED"
LIMITED, UNAVAILABLE, PROTOCOL = "PROVIDER_RATE_LIMITED", "PROVIDER_UNAVAILABLE", "PROVIDER_PROTOCOL"
VALIDATION = "ValidationException"
COUNTED = answered(input=8, output=3, accuracy=EXACT)
CUT = failed(PROTOCOL, "Hello", may_have_worked=True)
ESTIMATE: dict[str, object] = {"accuracy": ESTIMATED, "input": Within(1, 20), "output": Within(1, 5)}
TOO_LONG = failed(REJECTED, message=Says("too long"), may_have_worked=False)
FIRST, SECOND = text("Hel"), text("lo")
OPENING = eventstream.message({":message-type": "event", ":event-type": "initial-response"}, b"{}")


def good(*parts: bytes) -> Case:
    """Makes a case with the answer `Hello` and its usage."""
    return case(stream(*parts), COUNTED)


def invalid(reason: str, said: str, **facts: object) -> Case:
    """Makes a case of a ValidationException with this text."""
    return case(refusal(VALIDATION, said), failed(reason, may_have_worked=False, **facts))


def once(reason: str, code: str, said: str = "x", status: int = 400) -> Case:
    """Makes a case of a refusal that is not retried; the provider has not worked."""
    return case(refusal(code, said, status), failed(reason, may_have_worked=False))


def repeated(reason: str, code: str, status: int) -> Case:
    """Makes a case of a refusal that is retried: three requests in all."""
    return case(refusal(code, "x", status), failed(reason, requests=3, may_have_worked=False))


def ended(reason: object, finish: object) -> Case:
    """Makes a case of a stop reason."""
    return case(stream(HELLO, BLOCK_END, stop(reason), metadata()), answered(finish=finish))


def counted(usage: object, **facts: object) -> Case:
    """Makes a case of a usage."""
    return case(stream(HELLO, BLOCK_END, stop(), metadata(usage)), answered(**facts))


ANSWERS = {
    "a stream": good(GOOD),
    "byte by byte": good(*byte_by_byte(GOOD)),
    "one event per chunk": good(START, FIRST, SECOND, BLOCK_END, stop(), metadata()),
    "an initial response first": good(OPENING, GOOD),
    "unknown events": good(START, event("somethingNew", {"a": 1}), FIRST, SECOND, END),
    "a block's start": good(
        START, event("contentBlockStart", {"contentBlockIndex": 0, "start": {}}), FIRST, SECOND, END
    ),
    "no start of the message": good(FIRST, SECOND, END),
    "reasoning before the text": good(
        START,
        delta({"reasoningContent": {"text": "hm"}}),
        delta({"reasoningContent": {"signature": "x"}}),
        FIRST,
        SECOND,
        END,
    ),
    "redacted reasoning": good(START, delta({"reasoningContent": {"redactedContent": "eA=="}}), FIRST, SECOND, END),
    "an unknown delta": good(START, FIRST, delta({"somethingNew": {"a": 1}}), SECOND, END),
    "two blocks of text": good(START, text("Hel", 0), BLOCK_END, text("lo", 1), END),
    "a citation": good(START, FIRST, delta({"citation": {"title": "x"}}), SECOND, END),
    "unknown members": good(START, FIRST, SECOND, BLOCK_END, stop(), metadata(), event("trace", {})),
    "characters of several bytes": case(stream(*byte_by_byte(START + text("wörld €😀") + END)), answered("wörld €😀")),
    "an empty delta": good(START, text(""), FIRST, text(""), SECOND, END),
    "no text": case(stream(START, END), answered("")),
    "a long text in one event": case(stream(START, text("x" * 2**20), END), answered("x" * 2**20)),
}
ENDS = {
    "end_turn": ended("end_turn", "stop"),
    "stop_sequence": ended("stop_sequence", "stop"),
    "max_tokens": ended("max_tokens", "length"),
    "model_context_window_exceeded": ended("model_context_window_exceeded", OneOf("length", "context_exceeded")),
    "content_filtered": ended("content_filtered", "content_filter"),
    "guardrail_intervened": ended("guardrail_intervened", "content_filter"),
    "tool_use": ended("tool_use", OneOf("other", "tool_calls")),
    "malformed_model_output": ended("malformed_model_output", OneOf("other", "malformed_output")),
    "in capitals": ended("MAX_TOKENS", "length"),
    "another vendor's end": ended("eos", "stop"),
    "another vendor's limit": ended("length", "length"),
    "refusal": ended("refusal", "refusal"),
    "an unknown reason": ended("something_new", "other"),
    "error": case(
        stream(HELLO, BLOCK_END, stop("error"), metadata()),
        failed(UNAVAILABLE, "Hello", may_have_worked=True, input=8, output=3, accuracy=EXACT),
    ),
    "an exception after the usage": good(GOOD, exception("internalServerException", {"message": "x"})),
    "damage after the usage": good(GOOD, b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
    "error, without counts": case(
        stream(HELLO, BLOCK_END, stop("error")),
        failed(UNAVAILABLE, "Hello", may_have_worked=True, accuracy=NOT_EXACT),
    ),
    "error, whole": case(
        whole(message([{"text": "Hello"}], "error")),
        failed(UNAVAILABLE, OneOf("", "Hello"), may_have_worked=True, input=8, output=3, accuracy=EXACT),
    ),
    "no end": case(stream(HELLO), CUT),
    "a block's end alone": case(stream(HELLO, BLOCK_END), CUT),
    "a usage without an end": case(stream(HELLO, BLOCK_END, metadata()), CUT),
    "an end without a reason": case(stream(HELLO, event("messageStop", {}), metadata()), answered(finish="other")),
    "a null end": ended(None, "other"),
    "a cut within a frame": case(stream(HELLO + stop()[:-7]), CUT),
    "a cut of the chunks": case(stream(HELLO, last=b""), CUT),
    "a reset": case(stream(HELLO, last=b"", then=(Reset(),)), CUT),
    "an empty stream": case(stream(b""), failed(PROTOCOL)),
    "a start alone": case(stream(START), failed(PROTOCOL)),
}
USAGES = {
    "none": case(stream(HELLO, BLOCK_END, stop()), answered(**ESTIMATE)),
    "metadata without it": case(
        stream(HELLO, BLOCK_END, stop(), event("metadata", {"metrics": {}})), answered(**ESTIMATE)
    ),
    "only zeros": counted({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}, **ESTIMATE),
    "cached": counted(
        {"inputTokens": 8, "outputTokens": 3, "totalTokens": 15, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 0},
        input=12,
        output=3,
        cached=4,
        accuracy=EXACT,
    ),
    "cached, by other names": counted(
        {"inputTokens": 8, "outputTokens": 3, "totalTokens": 15, "cacheReadInputTokenCount": 4},
        input=12,
        output=3,
        cached=4,
        accuracy=EXACT,
    ),
    "as strings, and as decimals": counted(
        {"inputTokens": "8", "outputTokens": 3.0, "totalTokens": "11"}, input=8, output=3, accuracy=EXACT
    ),
    "cached, with a total without them": counted(
        {"inputTokens": 8, "outputTokens": 3, "totalTokens": 11, "cacheReadInputTokens": 100},
        input=108,
        output=3,
        cached=100,
        accuracy=EXACT,
    ),
    "a total that contradicts its parts": counted(
        {"inputTokens": 8, "outputTokens": 3, "totalTokens": 999}, accuracy=NOT_EXACT
    ),
    "zeros, because a guardrail blocked the prompt": case(
        stream(
            START,
            text("Sorry."),
            BLOCK_END,
            stop("guardrail_intervened"),
            metadata({"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}),
        ),
        answered("Sorry.", "content_filter", input=0, output=0, accuracy=EXACT, cost=0),
    ),
    "before the end": case(stream(HELLO, BLOCK_END, metadata(), stop()), COUNTED),
    "of another type": counted(
        {"inputTokens": "many", "outputTokens": None},
        accuracy=OneOf(EXACT, *("ACCURACY_ESTIMATED", "ACCURACY_UNKNOWN")),
    ),
}
DAMAGE = {
    "a message's checksum": case(stream(START, FIRST, eventstream.spoiled(SECOND, -4), END), failed(PROTOCOL, "Hel")),
    "a prelude's checksum": case(stream(START, FIRST, eventstream.spoiled(SECOND, 8), END), failed(PROTOCOL, "Hel")),
    "a byte of the payload": case(stream(START, FIRST, eventstream.spoiled(SECOND, -20), END), failed(PROTOCOL, "Hel")),
    "a length": case(stream(START, FIRST, eventstream.spoiled(SECOND, 0), END), failed(PROTOCOL, "Hel")),
    "unclosed JSON": case(
        stream(START, FIRST, event("contentBlockDelta", b'{"delta":{"text":"lo"}'), END), failed(PROTOCOL, "Hel")
    ),
    "invalid UTF-8": case(
        stream(START, FIRST, event("contentBlockDelta", b'{"delta":{"text":"l\xff"},"contentBlockIndex":0}'), END),
        failed(PROTOCOL, "Hel"),
    ),
    "JSON that is not an object": case(
        stream(START, FIRST, event("contentBlockDelta", b"5"), END), failed(PROTOCOL, "Hel")
    ),
    "an HTML page": case(whole(b"<html>Sign in</html>", content_type="text/html"), failed(PROTOCOL)),
    "an empty answer": case(whole(b""), failed(PROTOCOL)),
    "garbage": case((b"\x00\xff\x16\x03" * 20,), failed(OneOf(PROTOCOL, UNAVAILABLE))),
    "no bytes": case(((),), failed(UNAVAILABLE, may_have_worked=True)),
    "204": case((head(204),), failed(PROTOCOL)),
    "a redirect": case((head(307, "", "Location: /elsewhere", "Content-Length: 0"),), failed(PROTOCOL)),
}
REFUSALS = {
    "the account may not": invalid(AUTH, "Operation not allowed"),
    "the account's payment": once(
        AUTH, "AccessDeniedException", "Model access is denied due to INVALID_PAYMENT_INSTRUMENT", 403
    ),
    "no access to the model": once(AUTH, "AccessDeniedException", "You don't have access to the model", 403),
    "a use case form": once(
        AUTH, "ResourceNotFoundException", "Model use case details have not been submitted for this account.", 404
    ),
    "a marketplace subscription": once(AUTH, "AccessDeniedException", "aws-marketplace:Subscribe", 403),
    "an expired token": once(AUTH, "ExpiredTokenException", "expired", 403),
    "an expired token as 400": once(AUTH, "ExpiredToken", "expired"),
    "a wrong signature": once(AUTH, "InvalidSignatureException", "x", 403),
    "a wrong key": once(AUTH, "UnrecognizedClientException", "x", 403),
    "an incomplete signature": once(AUTH, "IncompleteSignatureException"),
    "a suspended account": invalid(AUTH, "Invocation of model is blocked: account suspended"),
    "a model for other accounts": invalid(AUTH, "anthropic.x is not available for this account. You can explore other"),
    "a model for other accounts, as 404": once(
        AUTH, "ResourceNotFoundException", "anthropic.x is not available for this account. You can explore other", 404
    ),
    "an invalid token": invalid(AUTH, "The security token included in the request is invalid"),
    **{
        f"the code {code}": once(AUTH, code, status=status)
        for code, status in (
            ("NotAuthorizedException", 400),
            ("AuthorizationError", 400),
            ("KMSAccessDeniedException", 400),
            ("KmsDisabledException", 400),
            ("MissingAuthenticationToken", 403),
            ("SignatureDoesNotMatch", 403),
            ("InvalidApiKey", 400),
        )
    },
    "a model of another region": invalid(MODEL, "The model ID is not supported in this region"),
    "a model that the region does not have": invalid(MODEL, "This model isn't available in this region"),
    "an ARN": invalid(MODEL, "ARN is not valid"),
    "an unknown model": invalid(MODEL, "The provided model identifier is invalid."),
    "a retired model": once(
        MODEL, "ResourceNotFoundException", "This model version has reached the end of its life.", 404
    ),
    "a legacy model": once(
        MODEL, "ResourceNotFoundException", "Access denied. This Model is marked by provider as Legacy", 404
    ),
    "an unknown profile": invalid(MODEL, "The provided inference profile identifier is invalid."),
    "an unknown resource": once(MODEL, "ResourceNotFoundException", "Could not resolve the foundation model", 404),
    "on demand": invalid(
        REJECTED,
        "Invocation of model ID x with on-demand throughput isn't supported.",
        message=Says("inference profile"),
    ),
    "too long": case(refusal(VALIDATION, "Input is too long for requested model."), TOO_LONG),
    "too long, the gateway": case(refusal("RequestEntityTooLargeException", "Request Too Long", 413), TOO_LONG),
    "too long, Anthropic": case(refusal(VALIDATION, "prompt is too long: 213462 tokens > 200000 maximum"), TOO_LONG),
    "too long, Nova": case(
        refusal(VALIDATION, "Too many input tokens. Max input tokens: 8192, request input token count: 9001"), TOO_LONG
    ),
    "too long, Mistral": case(
        refusal(
            VALIDATION, "This model's maximum context length is 32768 tokens. Please reduce the length of the prompt"
        ),
        TOO_LONG,
    ),
    "too long, Cohere": case(
        refusal(VALIDATION, "too many tokens: total number of tokens in the prompt exceeds 4081"), TOO_LONG
    ),
    "too long, Titan": case(
        refusal(
            VALIDATION,
            "400 Bad Request: Too many input tokens. Max input tokens: 4096, request input token count: 9001",
        ),
        TOO_LONG,
    ),
    "too long, the body": case(
        refusal(VALIDATION, "Failed to buffer the request body: length limit exceeded"), TOO_LONG
    ),
    "a context of Titan": case(
        refusal(VALIDATION, "This model doesn't support system prompts. Try again without a system prompt."),
        failed(REJECTED, message=Says("context")),
        context="Be brief.",
    ),
    "a context of Mistral": case(
        refusal(VALIDATION, "This model doesn't support the system field. Remove system and try again."),
        failed(REJECTED, message=Says("context")),
        context="Be brief.",
    ),
    "a context of Anthropic": case(
        refusal(VALIDATION, "The model returned the following errors: system: Extra inputs are not permitted"),
        failed(REJECTED, message=Says("context")),
        context="Be brief.",
    ),
    "a history that the assistant begins": case(
        refusal(VALIDATION, "A conversation must start with a user message. Try again with a conversation that starts"),
        failed(REJECTED, message=Says("history"), requests=OneOf(0, 1)),
        history=[{"role": "assistant", "text": "Welcome."}],
    ),
    "the caller's limit": case(
        refusal(VALIDATION, "The maximum tokens you requested exceeds the model limit of 4096. Try again"),
        failed(REJECTED, message=Says("max_?tokens")),
        max_tokens=9000,
    ),
    "the caller's temperature": case(
        refusal(VALIDATION, "`temperature` is deprecated for this model."),
        failed(REJECTED, message=Says("temperature")),
        temperature=0.3,
    ),
    "another request": invalid(REJECTED, "Malformed input request: #/messages: expected maxItems: 10"),
    "a refusal as 200": case(
        whole({"message": "The model returned the following errors: prompt is too long: 9 tokens > 8 maximum"}),
        failed(REJECTED, message=Says("too long")),
    ),
    "a code with a URL": case(
        refusal("AccessDeniedException:http://internal.amazon.com/coral/x/", "no", 403), failed(AUTH)
    ),
    "a code in the body": case(
        whole({"__type": "com.amazon.coral.service#ThrottlingException", "message": "x"}, 429),
        failed(LIMITED, requests=3),
    ),
    "a message in capitals": case(
        whole({"Message": "x"}, 403, lines=["x-amzn-ErrorType: AccessDeniedException"]), failed(AUTH)
    ),
}
LIMITS = {
    "throttled": repeated(LIMITED, "ThrottlingException", 429),
    "throttled by tokens": case(
        refusal("ThrottlingException", "Too many tokens, please wait before trying again.", 429),
        failed(LIMITED, requests=3),
    ),
    "too many requests": repeated(LIMITED, "TooManyRequestsException", 429),
    "a model that is not ready": repeated(LIMITED, "ModelNotReadyException", 429),
    "a quota": repeated(LIMITED, "ServiceQuotaExceededException", 400),
    "throttled, then an answer": case((refusal("ThrottlingException", "x", 429), stream(GOOD)), answered(requests=2)),
    "a time to wait": case(
        refusal("ThrottlingException", "x", 429, "Retry-After: 53"), failed(LIMITED, retry_after_s=53)
    ),
    "500": repeated(UNAVAILABLE, "InternalServerException", 500),
    "503": repeated(UNAVAILABLE, "ServiceUnavailableException", 503),
    "424": case(refusal("ModelErrorException", "x", 424), failed(UNAVAILABLE, may_have_worked=True)),
    "424 for a call that the model damaged": case(
        refusal("ModelErrorException", "Model produced invalid sequence as part of ToolUse. Please refer to", 424),
        failed(UNAVAILABLE, may_have_worked=True),
    ),
    "408": case(refusal("ModelTimeoutException", "x", 408), failed(UNAVAILABLE, may_have_worked=True)),
    "502 of a proxy in JSON": case(
        whole({"message": "An invalid response was received from the upstream server"}, 502),
        failed(UNAVAILABLE, may_have_worked=True),
    ),
    "502 as an HTML page": case(
        whole(b"<html>Bad gateway</html>", 502, "text/html"), failed(UNAVAILABLE, may_have_worked=True)
    ),
    "504 as an HTML page": case(
        whole(b"<html>Gateway timeout</html>", 504, "text/html"), failed(UNAVAILABLE, may_have_worked=True)
    ),
    "403 as an HTML page": case(whole(b"<html>Forbidden</html>", 403, "text/html"), failed(AUTH)),
}
IN_STREAMS = {
    "throttled as the first event": case(
        stream(exception("throttlingException", {"message": "x"})), failed(LIMITED, requests=3, may_have_worked=False)
    ),
    "throttled as the first event, then an answer": case(
        (stream(exception("throttlingException", {"message": "x"})), stream(GOOD)), answered(requests=2)
    ),
    "throttled after the start": case(
        stream(START, exception("throttlingException", {"message": "x"})), failed(LIMITED, may_have_worked=True)
    ),
    "the model's failure": case(
        stream(HELLO, exception("modelStreamErrorException", {"message": "x", "originalStatusCode": 500})),
        failed(UNAVAILABLE, "Hello", may_have_worked=True, accuracy=NOT_EXACT),
    ),
    "the model's damaged call": case(
        stream(HELLO, exception("modelStreamErrorException", {"message": "invalid sequence as part of ToolUse."})),
        failed(UNAVAILABLE, "Hello", may_have_worked=True),
    ),
    "the model's own refusal": case(
        stream(
            exception(
                "modelStreamErrorException",
                {"originalStatusCode": 400, "originalMessage": "prompt is too long: 210000 tokens > 200000 maximum"},
            )
        ),
        failed(REJECTED, message=Says("too long")),
    ),
    "the model's own limit": case(
        stream(HELLO, exception("modelStreamErrorException", {"message": "x", "originalStatusCode": 429})),
        failed(LIMITED, "Hello", may_have_worked=True),
    ),
    "an error of another name": case(
        stream(HELLO, failure("InternalError", "x")), failed(UNAVAILABLE, "Hello", may_have_worked=True)
    ),
    "an error of the account": case(stream(failure("ExpiredTokenException", "x")), failed(AUTH)),
    "the service's failure": case(
        stream(HELLO, exception("internalServerException", {"message": "x"})), failed(UNAVAILABLE, "Hello")
    ),
    "the service is not available": case(
        stream(HELLO, exception("serviceUnavailableException", {"message": "x"})), failed(UNAVAILABLE, "Hello")
    ),
    "a refusal": case(stream(exception("validationException", {"message": "x"})), failed(REJECTED)),
    "a prompt that is too long": case(
        stream(exception("validationException", {"message": "Input is too long for requested model."})),
        failed(REJECTED, message=Says("too long")),
    ),
    "an unknown exception": case(
        stream(HELLO, exception("somethingNewException", {"message": "x"})),
        failed(OneOf(PROTOCOL, UNAVAILABLE), "Hello"),
    ),
    "an error without an exception": case(
        stream(HELLO, failure("InternalFailure", "x")), failed(OneOf(PROTOCOL, UNAVAILABLE), "Hello")
    ),
    "an exception followed by a good end": case(
        stream(HELLO, exception("internalServerException", {"message": "x"}), END), failed(UNAVAILABLE, "Hello")
    ),
    "an exception framed as an event": case(
        stream(HELLO, event("internalServerException", {"message": "x"}), END), failed(UNAVAILABLE, "Hello")
    ),
    "an exception after the end": case(
        stream(HELLO, BLOCK_END, stop(), exception("internalServerException", {"message": "x"})),
        failed(UNAVAILABLE, "Hello"),
        answered(),
    ),
}


CASES: dict[str, Case] = {
    f"{kind}: {name}": one
    for kind, table in {
        "answer": ANSWERS,
        "end": ENDS,
        "usage": USAGES,
        "damage": DAMAGE,
        "refusal": REFUSALS,
        "limit": LIMITS,
        "in a stream": IN_STREAMS,
    }.items()
    for name, one in table.items()
}


@pytest.mark.parametrize("name", CASES)
async def test_bedrock_is_understood(name: str, bedrock_results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], bedrock_results[name])
