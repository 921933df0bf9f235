"""OpenAI's failures over real sockets: each has its class, and its message contains no key, prompt or provider text."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from llm_relay import errors
from llm_relay.messages import Prompt
from server_b.providers.openai.failures.errors import error_of
from server_b.providers.openai.failures.failure import Failure, failure_of_document, failure_of_response
from server_b.providers.openai.provider import OpenAIProvider
from tests.standins.openai import REDIRECT_MODEL, REDIRECTED_PATH, OpenAIStandIn
from tests.standins.openai_errors import WRONG_KEY
from tests.standins.script import Fault, FaultKind, Script
from tests.support.openai_provider import (
    KEY,
    SAID,
    create_provider,
    failure,
    said_before_failing,
    serving,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
async def provider(standin: OpenAIStandIn) -> AsyncIterator[OpenAIProvider]:
    async with serving(standin) as provider:
        yield provider


CUT_SHORT = [FaultKind.CUT, FaultKind.RESET, FaultKind.MALFORMED, FaultKind.INVALID_UTF8]


@pytest.mark.parametrize("per_write", [1, 100])
@pytest.mark.parametrize("kind", CUT_SHORT)
async def test_text_before_a_fault_is_given_before_the_error(
    standin: OpenAIStandIn, provider: OpenAIProvider, kind: FaultKind, per_write: int
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2), per_write=per_write)
    told, error = await said_before_failing(provider)
    assert (told, type(error)) == ("Hello, ", errors.ProviderProtocol)


async def test_a_stream_without_an_end_is_a_protocol_error(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.NO_END))
    told, error = await said_before_failing(provider)
    assert (told, type(error)) == ("Hello, wörld!", errors.ProviderProtocol)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (None, errors.ProviderUnavailable),
        ("rate_limit_exceeded", errors.ProviderRateLimited),
        ("insufficient_quota", errors.ProviderAuth),
        ("context_length_exceeded", errors.ProviderRejected),
    ],
)
async def test_an_error_during_the_stream_has_its_class(
    standin: OpenAIStandIn, provider: OpenAIProvider, code: str | None, error: type[errors.RelayError]
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.ERROR_EVENT, after=2, code=code, message=KEY), per_write=100)
    text, raised = await said_before_failing(provider)
    assert (text, type(raised)) == ("Hello, ", error)
    assert KEY not in str(raised)
    assert type(await failure(provider)) is error


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, None, errors.ProviderRejected),
        (401, None, errors.ProviderAuth),
        (402, "payment_required", errors.ProviderAuth),
        (403, None, errors.ProviderAuth),
        (403, "model_not_found", errors.UnknownModel),
        (404, None, errors.UnknownModel),
        (408, None, errors.ProviderUnavailable),
        (409, None, errors.ProviderUnavailable),
        (413, None, errors.ProviderRejected),
        (422, None, errors.ProviderRejected),
        (429, None, errors.ProviderRateLimited),
        (429, "insufficient_quota", errors.ProviderAuth),
        (500, None, errors.ProviderUnavailable),
        (503, None, errors.ProviderUnavailable),
    ],
)
async def test_a_status_has_its_class_and_the_error_contains_nothing_of_the_providers_text(
    standin: OpenAIStandIn,
    provider: OpenAIProvider,
    status: int,
    code: str | None,
    error: type[errors.RelayError],
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, status=status, code=code, message=f"{KEY} {SAID}"))
    _, streamed = await said_before_failing(provider)
    for raised in (await failure(provider), streamed):
        assert type(raised) is error
        assert f"HTTP {status}" in str(raised)
        assert KEY not in str(raised)
        assert SAID not in str(raised)


async def test_a_prompt_that_is_too_long_is_reported_as_such(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    error = await failure(provider, Prompt(message="long", model="short-context"))
    assert isinstance(error, errors.ProviderRejected)
    assert "too long" in str(error)


async def test_a_refused_key_is_not_repeated_in_the_error(standin: OpenAIStandIn) -> None:
    async with serving(standin, api_key=WRONG_KEY) as provider:
        error = await failure(provider)
    assert isinstance(error, errors.ProviderAuth)
    assert WRONG_KEY not in str(error)


async def test_an_exhausted_quota_is_not_worth_waiting_for(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code="insufficient_quota", headers={"retry-after": "2"}))
    assert (await failure(provider)).retry_after_s is None


async def test_a_connection_closed_before_the_answer_is_unavailable(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.CUT_BEFORE))
    assert isinstance(await failure(provider), errors.ProviderUnavailable)
    assert len(standin.requests) == 1


async def test_an_unreachable_server_is_unavailable(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    async with OpenAIStandIn() as gone:
        pass
    orphan = create_provider(gone.base_url)
    assert isinstance(await failure(orphan), errors.ProviderUnavailable)
    await orphan.close()


async def test_a_server_that_does_not_speak_http_is_a_protocol_error() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = create_provider(f"http://127.0.0.1:{port}/v1")
        assert isinstance(await failure(provider), errors.ProviderProtocol)
        await provider.close()


async def test_a_redirect_is_not_followed(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    error = await failure(provider, Prompt(message="Hi", model=REDIRECT_MODEL))
    assert isinstance(error, errors.ProviderProtocol)
    assert REDIRECTED_PATH not in {request.path for request in standin.requests}


# Whether a provider may have worked.


def answered(status: int, body: object = None, **headers: str) -> Failure:
    data = body.encode() if isinstance(body, str) else orjson.dumps(body or {"error": {"message": "x"}})
    return failure_of_response(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def within(error: object, *, is_first: bool) -> Failure:
    return failure_of_document({"error": error}, is_first=is_first)


NOT_WORKED = {
    **{f"{status} in JSON": answered(status) for status in (429, 498, 500, 502, 503, 529)},
    **{f"{status}, a refusal": answered(status) for status in (400, 401, 402, 403, 404, 413, 422)},
    "429 without a body": answered(429, ""),
    "400, throttled": answered(400, {"__type": "ThrottlingException"}),
    "504, but the server says so": answered(504, "<html>", x_should_retry="true"),
    "an overloaded server, first": within({"type": "overloaded_error"}, is_first=True),
    "a rate limit, first": within({"code": "429"}, is_first=True),
    "a refusal, first": within({"code": 400}, is_first=True),
    "no room, first": within({"code": 503}, is_first=True),
    "a redirect": answered(307, ""),
}
MAYBE_WORKED = {
    **{f"{status} in JSON": answered(status) for status in (408, 409, 425, 499, 504, 520, 524)},
    **{f"{status} of a proxy": answered(status, "<html>no</html>") for status in (429, 500, 502, 503, 504, 529)},
    **{f"{status} without a body": answered(status, "") for status in (500, 502, 503)},
    "a server error, first": within({"code": 500}, is_first=True),
    "an unknown error, first": within("x", is_first=True),
    "an overloaded server, later": within({"type": "overloaded_error"}, is_first=False),
    "a rate limit, later": within({"code": "429"}, is_first=False),
    "a refusal, later": within({"code": 400}, is_first=False),
    "the account, later": within({"code": "insufficient_quota"}, is_first=False),
}


@pytest.mark.parametrize("case", NOT_WORKED)
def test_a_request_that_cannot_have_worked_may_be_sent_again(case: str) -> None:
    assert not error_of(NOT_WORKED[case]).may_have_worked


@pytest.mark.parametrize("case", MAYBE_WORKED)
def test_a_request_that_may_have_worked_is_reported_as_such(case: str) -> None:
    assert error_of(MAYBE_WORKED[case]).may_have_worked


@pytest.mark.parametrize(
    ("header", "helps"), [("true", True), ("false", False), ("FALSE", False), ("", True), ("?", True)]
)
def test_a_servers_own_advice_on_retries_is_followed(header: str, helps: bool) -> None:
    assert error_of(answered(503, x_should_retry=header)).repeat_helps is helps


def test_nested_lists_are_a_refusal_like_any_other() -> None:
    deep = b"[" * 1000 + b"]" * 1000
    for body in (deep, b'{"error":{"details":%b}}' % deep):
        assert isinstance(error_of(failure_of_response(400, {}, body)), errors.ProviderRejected)
