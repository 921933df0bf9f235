"""OpenAI's failures over real sockets: each has its class, its message nothing of key, prompt or provider's text."""

import asyncio
import email.utils
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from llm_relay import errors
from llm_relay.messages import Prompt
from server_b.providers.base import Opening, Text
from server_b.providers.openai.errors import error_from_wire
from server_b.providers.openai.provider import OpenAIProvider
from tests.standins.openai import REDIRECT_MODEL, REDIRECTED_PATH, OpenAIStandIn
from tests.standins.openai_errors import WRONG_KEY
from tests.standins.script import Fault, FaultKind, Script
from tests.support.asking_openai import (
    KEY,
    SAID,
    create_provider,
    failure,
    said,
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
async def test_what_came_before_a_fault_is_given_before_the_error(
    standin: OpenAIStandIn, provider: OpenAIProvider, kind: FaultKind, per_write: int
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2), per_write=per_write)
    told, error = await said_before_failing(provider)
    assert (told, type(error)) == ("Hello, ", errors.ProviderProtocol)


@pytest.mark.parametrize("kind", [FaultKind.NO_END, FaultKind.DONE_WITHOUT_FINISH])
async def test_a_stream_without_finish_reason_has_no_ending(
    standin: OpenAIStandIn, provider: OpenAIProvider, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind))
    opening, *texts = await said(provider)
    assert opening == Opening("gpt-4o")
    assert all(isinstance(piece, Text) for piece in texts)
    assert isinstance(await failure(provider), errors.ProviderProtocol)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (None, errors.ProviderUnavailable),
        ("rate_limit_exceeded", errors.ProviderRateLimited),
        ("insufficient_quota", errors.ProviderAuth),
        ("context_length_exceeded", errors.ProviderRejected),
    ],
)
async def test_an_error_amid_the_stream_has_its_class(
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
async def test_a_status_has_its_class_and_the_error_says_nothing_of_the_providers_text(
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


@pytest.mark.parametrize("word", [KEY, "sk-abc", "Incorrect API key", "a" * 65, 401.5, ["x"], None])
def test_an_error_code_that_is_no_plain_word_is_not_passed_on(word: object) -> None:
    error = error_from_wire({"code": word, "type": word, "message": KEY}, status=400)
    assert str(error) == f"{errors.ProviderRejected.default_message} (HTTP 400)"


@pytest.mark.parametrize(
    ("detail", "error"),
    [
        ({"code": 429}, errors.ProviderRateLimited),
        ({"code": 502, "message": "upstream"}, errors.ProviderUnavailable),
        ({"code": 50001}, errors.ProviderProtocol),
        ({"type": "overloaded_error"}, errors.ProviderUnavailable),
        ({"type": "unheard_of"}, errors.ProviderProtocol),
        ("something broke", errors.ProviderProtocol),
        (True, errors.ProviderProtocol),
    ],
)
def test_errors_amid_an_answer_are_known_by_their_words_or_by_a_status(
    detail: object, error: type[errors.RelayError]
) -> None:
    assert type(error_from_wire(detail)) is error


async def test_a_prompt_that_is_too_long_is_called_that(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    error = await failure(provider, Prompt(message="long", model="short-context"))
    assert isinstance(error, errors.ProviderRejected)
    assert "too long" in str(error)


async def test_a_refused_key_is_not_repeated_in_the_error(standin: OpenAIStandIn) -> None:
    async with serving(standin, api_key=WRONG_KEY) as provider:
        error = await failure(provider)
    assert isinstance(error, errors.ProviderAuth)
    assert WRONG_KEY not in str(error)


def _in(seconds: float) -> str:
    return email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": _in(-600)}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "Mon, 99 Foo 2026"}, None),
        ({}, None),
    ],
)
async def test_the_time_to_wait_is_kept_when_it_is_sensible(
    standin: OpenAIStandIn, provider: OpenAIProvider, status: int, headers: dict[str, str], expected: float | None
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, status=status, headers=headers))
    assert (await failure(provider)).retry_after_s == expected


async def test_the_time_to_wait_may_be_a_date(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, status=429, headers={"retry-after": _in(3600)}))
    waiting = (await failure(provider)).retry_after_s
    assert waiting == pytest.approx(3600, abs=60)


async def test_an_exhausted_quota_is_not_worth_waiting_for(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code="insufficient_quota", headers={"retry-after": "2"}))
    assert (await failure(provider)).retry_after_s is None


async def test_a_connection_closed_before_the_answer_is_unavailability(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.CUT_BEFORE))
    assert isinstance(await failure(provider), errors.ProviderUnavailable)
    assert len(standin.requests) == 1


async def test_a_server_that_is_not_there_is_unavailable(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    async with OpenAIStandIn() as gone:
        pass
    orphan = create_provider(gone.base_url)
    assert isinstance(await failure(orphan), errors.ProviderUnavailable)
    await orphan.close()


async def test_a_server_that_speaks_no_http_is_a_protocol_error() -> None:
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
