"""Every failure of Bedrock has its class, and its message reveals nothing of the provider's text."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from llm_relay.messages import Prompt
from server_b.providers.base import Ending, Opening
from server_b.providers.bedrock.failures.errors import relay_error
from server_b.providers.bedrock.failures.failure import failure_from_response
from server_b.providers.bedrock.provider import BedrockProvider
from tests.standins import BedrockStandIn, Fault, FaultKind, Script
from tests.standins.bedrock import EXPIRED_TOKEN, WRONG_KEY_ID
from tests.support.bedrock_provider import PROMPT, SECRET, SONNET, bedrock, broken_off, pieces_of, texts_of
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def standin() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn() as standin:
        yield standin


@pytest.fixture
async def provider(standin: BedrockStandIn) -> AsyncIterator[BedrockProvider]:
    provider = bedrock(standin.url)
    yield provider
    await provider.close()


CODES: list[tuple[str, int, type[RelayError], bool]] = [
    # the code, its status, the class, and whether the model may have worked
    ("ThrottlingException", 429, ProviderRateLimited, False),
    ("TooManyRequestsException", 429, ProviderRateLimited, False),
    ("ServiceQuotaExceededException", 400, ProviderRateLimited, False),
    ("ModelNotReadyException", 429, ProviderRateLimited, False),
    ("AccessDeniedException", 403, ProviderAuth, False),
    ("UnrecognizedClientException", 403, ProviderAuth, False),
    ("ExpiredTokenException", 403, ProviderAuth, False),
    ("InvalidSignatureException", 403, ProviderAuth, False),
    ("MissingAuthenticationTokenException", 403, ProviderAuth, False),
    ("OptInRequired", 403, ProviderAuth, False),
    ("ResourceNotFoundException", 404, UnknownModel, False),
    ("ValidationException", 400, ProviderRejected, False),
    ("InternalServerException", 500, ProviderUnavailable, False),
    ("ServiceUnavailableException", 503, ProviderUnavailable, False),
    ("ModelErrorException", 424, ProviderUnavailable, True),
    ("ModelTimeoutException", 408, ProviderUnavailable, True),
    ("UnknownOperationException", 404, ProviderProtocol, False),
]
STATUSES: list[tuple[int, type[RelayError], bool]] = [
    (302, ProviderProtocol, False),
    (401, ProviderAuth, False),
    (403, ProviderAuth, False),
    (404, ProviderProtocol, False),
    (408, ProviderUnavailable, True),
    (413, ProviderRejected, False),
    (422, ProviderRejected, False),
    (429, ProviderRateLimited, False),
    (500, ProviderUnavailable, False),
    (502, ProviderUnavailable, False),
    (504, ProviderUnavailable, True),
    (529, ProviderUnavailable, False),
]
IN_STREAM: list[tuple[str, type[RelayError], bool]] = [
    # the last column: whether the model may have worked if this is the first event
    ("throttlingException", ProviderRateLimited, False),
    ("serviceUnavailableException", ProviderUnavailable, False),
    ("modelStreamErrorException", ProviderUnavailable, True),
    ("internalServerException", ProviderUnavailable, True),
    ("validationException", ProviderRejected, False),
    ("tomorrowsException", ProviderProtocol, True),
]


async def _errors(provider: BedrockProvider, prompt: Prompt = PROMPT) -> list[RelayError]:
    """Calls whole and streamed; returns both errors."""
    with pytest.raises(RelayError) as whole:
        await whole_answer(provider, prompt)
    with pytest.raises(RelayError) as streamed:
        await pieces_of(provider, prompt)
    return [whole.value, streamed.value]


@pytest.mark.parametrize(("code", "status", "expected", "may_have_worked"), CODES)
async def test_an_error_code_has_its_class_and_the_text_is_ours(
    standin: BedrockStandIn,
    provider: BedrockProvider,
    code: str,
    status: int,
    expected: type[RelayError],
    may_have_worked: bool,
) -> None:
    message = f"not for {SECRET}"
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code=code, status=status, message=message))
    for error in await _errors(provider):
        assert type(error) is expected
        assert code in error.message
        assert SECRET not in error.message
        assert error.may_have_worked is may_have_worked


@pytest.mark.parametrize(("status", "expected", "may_have_worked"), STATUSES)
async def test_an_unknown_code_is_judged_by_its_status(
    standin: BedrockStandIn,
    provider: BedrockProvider,
    status: int,
    expected: type[RelayError],
    may_have_worked: bool,
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code=f"Not{SECRET}", status=status))
    for error in await _errors(provider):
        assert type(error) is expected
        assert SECRET not in error.message
        assert error.may_have_worked is may_have_worked


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_a_proxys_page_does_not_say_whether_the_model_worked(status: int) -> None:
    error = relay_error(failure_from_response(status, {}, b"<html>Bad gateway</html>"))
    assert error.may_have_worked


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-amzn-errortype": "ThrottlingException"}, b"{}"),
        ({"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"}, b""),
        ({}, b'{"__type":"com.amazon.coral.service#ThrottlingException","Message":"x"}'),
        ({}, b'{"code":"ThrottlingException","message":"x"}'),
        ({}, b'{"Code":"ThrottlingException"}'),
    ],
)
def test_the_code_is_read_wherever_aws_writes_it(headers: dict[str, str], body: bytes) -> None:
    assert failure_from_response(400, headers, body).code == "ThrottlingException"


@pytest.mark.parametrize("code", ["\x00\xff" * 40, "A" * 500, "", "no code", "<b>"])
def test_an_invalid_code_is_skipped(code: str) -> None:
    assert failure_from_response(400, {"x-amzn-errortype": code}, b"[]").code == ""


@pytest.mark.parametrize(
    ("original_status", "expected"),
    [(400, ProviderRejected), (429, ProviderRateLimited), (500, ProviderUnavailable), (None, ProviderUnavailable)],
)
def test_the_answer_of_the_models_own_server_is_more_specific(
    original_status: int | None, expected: type[RelayError]
) -> None:
    said = {"message": "The model failed.", "originalStatusCode": original_status}
    headers = {"x-amzn-errortype": "ModelErrorException"}
    assert type(relay_error(failure_from_response(424, headers, json.dumps(said).encode()))) is expected


@pytest.mark.parametrize(("code", "expected", "_"), IN_STREAM)
async def test_an_error_inside_a_stream_comes_after_its_text(
    standin: BedrockStandIn, provider: BedrockProvider, code: str, expected: type[RelayError], _: bool
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.ERROR_EVENT, code=code, after=2, message=SECRET))
    pieces, error = await broken_off(provider)
    assert type(error) is expected
    assert "".join(text.text for text in texts_of(pieces)) == "Hello, "
    assert SECRET not in error.message
    assert error.may_have_worked


@pytest.mark.parametrize(("code", "expected", "may_have_worked"), IN_STREAM)
async def test_an_error_as_a_streams_first_event_comes_alone(
    standin: BedrockStandIn,
    provider: BedrockProvider,
    code: str,
    expected: type[RelayError],
    may_have_worked: bool,
) -> None:
    standin.script = Script(opening=False, fault=Fault(kind=FaultKind.ERROR_EVENT, code=code, message=SECRET))
    pieces, error = await broken_off(provider)
    assert pieces == []
    assert type(error) is expected
    assert error.may_have_worked is may_have_worked


async def test_retry_after_is_kept_in_seconds_and_as_a_date(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.script = _throttled("2")
    assert [error.retry_after_s for error in await _errors(provider)] == [2.0, 2.0]
    standin.script = _throttled(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    for error in await _errors(provider):
        assert error.retry_after_s is not None
        assert 3000 < error.retry_after_s <= 3600
    standin.script = _throttled("soon")
    assert [error.retry_after_s for error in await _errors(provider)] == [None, None]


def _throttled(retry_after: str) -> Script:
    headers = {"retry-after": retry_after}
    return Script(fault=Fault(kind=FaultKind.STATUS, code="ThrottlingException", headers=headers))


async def test_an_endpoint_that_is_unreachable_or_hangs_up_is_unavailable(standin: BedrockStandIn) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.CUT_BEFORE))
    hanging_up = bedrock(standin.url)
    assert {type(error) for error in await _errors(hanging_up)} == {ProviderUnavailable}
    await hanging_up.close()
    async with BedrockStandIn() as gone:
        away = bedrock(gone.url)
    assert {type(error) for error in await _errors(away)} == {ProviderUnavailable}
    await away.close()


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.CUT,
        FaultKind.RESET,
        FaultKind.MALFORMED,
        FaultKind.MALFORMED_FRAME,
        FaultKind.MALFORMED_JSON,
        FaultKind.INVALID_UTF8,
    ],
)
@pytest.mark.parametrize("after", [0, 2, 4])
async def test_a_stream_that_breaks_is_a_protocol_error_after_the_text_before(
    standin: BedrockStandIn, provider: BedrockProvider, kind: FaultKind, after: int
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=after))
    pieces, error = await broken_off(provider)
    assert type(error) is ProviderProtocol
    assert pieces[:1] == [Opening(SONNET)]
    assert "".join(text.text for text in texts_of(pieces)) == "".join(standin.script.words[:after])


@pytest.mark.parametrize(
    "kind", [FaultKind.CUT, FaultKind.RESET, FaultKind.MALFORMED, FaultKind.INVALID_UTF8, FaultKind.NO_END]
)
async def test_a_whole_answer_that_breaks_is_a_protocol_error(
    standin: BedrockStandIn, provider: BedrockProvider, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2))
    with pytest.raises(ProviderProtocol):
        await whole_answer(provider, Prompt(message="Hi", model="whole-only"))


async def test_without_its_end_mark_a_stream_has_no_ending(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.NO_END))
    pieces = await pieces_of(provider)
    assert "".join(text.text for text in texts_of(pieces)) == "Hello, wörld!"
    assert not [piece for piece in pieces if isinstance(piece, Ending)]


@pytest.mark.parametrize("keys", [{"access_key_id": WRONG_KEY_ID}, {"session_token": EXPIRED_TOKEN}])
async def test_a_wrong_key_and_an_expired_token_are_the_operators_fault(
    standin: BedrockStandIn, keys: dict[str, str]
) -> None:
    provider = bedrock(standin.url, **keys)
    with pytest.raises(ProviderAuth):
        await whole_answer(provider, PROMPT)
    await provider.close()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("no-such-model", UnknownModel),
        ("gone-model", UnknownModel),
        ("no-access", ProviderAuth),
        ("short-context", ProviderRejected),
    ],
)
async def test_a_refused_model_is_refused_whole_and_streamed(
    provider: BedrockProvider, model: str, expected: type[RelayError]
) -> None:
    prompt = Prompt(message="Hi", model=model)
    with pytest.raises(expected):
        await whole_answer(provider, prompt)
    with pytest.raises(expected):
        await pieces_of(provider, prompt)
