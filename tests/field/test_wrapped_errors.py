"""Errors wrapped in something else: an exception's text, an event, a JSON text, or the reply of a proxy in JSON."""

import json

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import CallResult, Says, answered, failed
from tests.field.wire import BOM, DONE, EVENT_STREAM, GOOD, HELLO, compact, error, event, stream, whole

pytestmark = pytest.mark.anyio

AUTH, MODEL, REJECTED = "PROVIDER_AUTH", "UNKNOWN_MODEL", "PROVIDER_REJECTED"
LIMITED, UNAVAILABLE = "PROVIDER_RATE_LIMITED", "PROVIDER_UNAVAILABLE"
INVALID = "invalid_request_error"


def python(status: int, kind: str | None, code: str | None) -> str:
    """Writes the exception of OpenAI's SDK for Python."""
    within = {"error": {"message": "x", "type": kind, "param": None, "code": code}}
    return f"Error code: {status} - {within}"


def once(reason: str, status: int, text: str, **facts: object) -> Case:
    """Makes a case of a gateway's error with this text, which is not retried; the provider has not worked."""
    return case(whole(error(text), status), failed(reason, may_have_worked=False, **facts))


def within_a_stream(reason: str, text: str, **facts: object) -> Case:
    """Makes a case of an error with this text after some of the answer."""
    return case(stream(HELLO, event(error(text)), DONE), failed(reason, "Hello", may_have_worked=True, **facts))


def as_event(status: int, document: object, named: bytes = b"") -> tuple[bytes, ...]:
    """Answers with an error status, and an event as the body."""
    return whole(named + event(document) + DONE, status, EVENT_STREAM)


def as_text(status: int, document: object) -> tuple[bytes, ...]:
    """Answers with JSON that is a text with JSON in it, as FastAPI does if it is given a text."""
    return whole(json.dumps(json.dumps(document)).encode(), status)


ANTHROPIC = '{"type":"error","error":{"type":"%s","message":"x"}}'
EXCEPTIONS = {
    "a key": once(AUTH, 500, python(401, INVALID, "invalid_api_key")),
    "a key, from LiteLLM": once(
        AUTH, 500, 'litellm.APIError: OpenAIException - b\'{"error":{"message":"x","code":"invalid_api_key"}}\''
    ),
    "a key, from Node": once(AUTH, 500, "401 " + ANTHROPIC % "authentication_error"),
    "a key, without a document": within_a_stream(AUTH, "Error code: 401"),
    "a key, as a gateway's own failure": once(AUTH, 500, "Error code: 401 - {'error': {'message': 'x'}}"),
    "a refusal, as a gateway's own failure": once(REJECTED, 502, "Error code: 400 - {'error': {'message': 'x'}}"),
    "a timeout, as a gateway's own failure": case(
        whole(error("Error code: 504 - {'error': {'message': 'x'}}"), 500), failed(UNAVAILABLE, may_have_worked=True)
    ),
    "an account": once(AUTH, 500, python(429, "billing_not_active", "billing_not_active")),
    "an account by a number": once(AUTH, 429, "Limited: Error code: 429 - {'error': {'code': '1113', 'message': 'x'}}"),
    "a model": once(MODEL, 500, python(404, INVALID, "model_not_found")),
    "a filter": within_a_stream(REJECTED, python(400, None, "content_filter"), message=Says("filter")),
    "a refusal": within_a_stream(REJECTED, python(400, INVALID, None)),
    "a limit": within_a_stream(LIMITED, python(429, "tokens", "rate_limit_exceeded")),
    "a failure": within_a_stream(UNAVAILABLE, "Error code: 503 - {'error': {'message': 'x'}}"),
    "an overload": case(
        whole(error(f"litellm.InternalServerError: AnthropicException - {ANTHROPIC % 'overloaded_error'}"), 500),
        failed(UNAVAILABLE, requests=3, message=Says("overloaded"), may_have_worked=False),
    ),
    "a part of the request is no error": once(
        REJECTED, 400, 'Invalid value: {"role": "user", "code": "model_not_found"}'
    ),
}
BODIES = {
    "a model, as an event": case(
        as_event(400, error("x", INVALID, "model_not_found")), failed(MODEL, may_have_worked=False)
    ),
    "an account, as an event": case(
        as_event(429, error("x", "insufficient_quota", "insufficient_quota")), failed(AUTH, may_have_worked=False)
    ),
    "a failure, as an event": case(
        as_event(500, error("x", "server_error")), failed(UNAVAILABLE, requests=3, may_have_worked=False)
    ),
    "an overload, as a named event": case(
        as_event(503, {"error": {"type": "overloaded_error", "message": "x"}}, b"event: error\n"),
        failed(UNAVAILABLE, requests=3, may_have_worked=False),
    ),
    "a temperature, as an event": case(
        lambda request: (
            as_event(400, error("x", INVALID, "unsupported_value", param="temperature"))
            if "temperature" in request.body
            else stream(GOOD)
        ),
        answered(requests=2),
    ),
    "a model, as a text": case(
        as_text(400, error("x", INVALID, "model_not_found")), failed(MODEL, may_have_worked=False)
    ),
    "a failure, as a text": case(as_text(500, error("x")), failed(UNAVAILABLE, requests=3, may_have_worked=False)),
    "a text that is no document": case(whole(b'"Bad request"', 400), failed(REJECTED, may_have_worked=False)),
    "a model, after a BOM": case(
        whole(BOM + compact(error("x", INVALID, "model_not_found")), 400), failed(MODEL, may_have_worked=False)
    ),
}
CLOUDFLARE = {"title": "Error", "detail": "x", "cloudflare_error": True, "retryable": True}
PROXIES: dict[str, tuple[int, object]] = {
    "Kong": (502, {"message": "An invalid response was received from the upstream server"}),
    "Kong, unavailable": (503, {"message": "The upstream server is currently unavailable"}),
    "Envoy": (503, {"code": 503, "message": "upstream connect error or disconnect/reset before headers"}),
    "Tyk": (500, {"error": "There was a problem proxying the request"}),
    "Cloudflare": (502, {**CLOUDFLARE, "status": 502}),
}

CASES: dict[str, Case] = {
    **{f"an exception: {name}": one for name, one in EXCEPTIONS.items()},
    **{f"a body: {name}": one for name, one in BODIES.items()},
    **{
        f"a proxy: {name}": case(whole(document, status), failed(UNAVAILABLE, may_have_worked=True))
        for name, (status, document) in PROXIES.items()
    },
    "a proxy: a limit": case(
        whole({**CLOUDFLARE, "status": 429, "error_code": 1015, "retry_after": 53}, 429),
        failed(LIMITED, retry_after_s=53, may_have_worked=False),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_error_is_found_in_what_wraps_it(name: str, results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], results[name])
