"""Every way that Bedrock fails has its class, and none says more than the class."""

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
from server_b.providers.base import Opening, Text
from server_b.providers.bedrock.provider import BedrockProvider
from tests.standins import BedrockStandIn, Fault, FaultKind, Script
from tests.standins.bedrock import EXPIRED_TOKEN, WRONG_KEY_ID
from tests.support.asking_bedrock import PROMPT, SECRET, SONNET, bedrock, broken_off, pieces_of, texts_of

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


CODES: list[tuple[str, type[RelayError]]] = [
    ("ThrottlingException", ProviderRateLimited),
    ("TooManyRequestsException", ProviderRateLimited),
    ("ServiceQuotaExceededException", ProviderRateLimited),
    ("ModelNotReadyException", ProviderRateLimited),
    ("AccessDeniedException", ProviderAuth),
    ("UnrecognizedClientException", ProviderAuth),
    ("ExpiredTokenException", ProviderAuth),
    ("InvalidSignatureException", ProviderAuth),
    ("MissingAuthenticationTokenException", ProviderAuth),
    ("ResourceNotFoundException", UnknownModel),
    ("ValidationException", ProviderRejected),
    ("InternalServerException", ProviderUnavailable),
    ("ServiceUnavailableException", ProviderUnavailable),
    ("ModelErrorException", ProviderUnavailable),
    ("ModelTimeoutException", ProviderUnavailable),
    ("UnknownOperationException", ProviderProtocol),
]
STATUSES: list[tuple[int, type[RelayError]]] = [
    (401, ProviderAuth),
    (403, ProviderAuth),
    (404, ProviderProtocol),
    (413, ProviderRejected),
    (429, ProviderRateLimited),
    (502, ProviderUnavailable),
    (504, ProviderUnavailable),
]
SAYINGS: list[tuple[str, type[RelayError], str]] = [
    ("The provided model identifier is invalid.", UnknownModel, "list of models"),
    ("Input is too long for requested model.", ProviderRejected, "too long"),
    ("input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000", ProviderRejected, "too long"),
    ("Invocation of model ID x with on-demand throughput isn\u2019t supported.", ProviderRejected, "inference profile"),
    ("A conversation must start with a user message.", ProviderRejected, "ValidationException"),
]
IN_STREAM: list[tuple[str, type[RelayError]]] = [
    ("throttlingException", ProviderRateLimited),
    ("modelStreamErrorException", ProviderUnavailable),
    ("internalServerException", ProviderUnavailable),
    ("serviceUnavailableException", ProviderUnavailable),
    ("validationException", ProviderRejected),
]


async def _errors(provider: BedrockProvider, prompt: Prompt = PROMPT) -> list[RelayError]:
    """Asks whole and streamed, and returns both errors."""
    with pytest.raises(RelayError) as whole:
        await provider.complete(prompt)
    with pytest.raises(RelayError) as streamed:
        await pieces_of(provider, prompt)
    return [whole.value, streamed.value]


@pytest.mark.parametrize(("code", "expected"), CODES)
async def test_an_error_code_has_its_class_and_the_text_is_ours(
    standin: BedrockStandIn, provider: BedrockProvider, code: str, expected: type[RelayError]
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code=code, message=f"not for {SECRET}"))
    for error in await _errors(provider):
        assert type(error) is expected
        assert code in error.message
        assert SECRET not in error.message


@pytest.mark.parametrize(("status", "expected"), STATUSES)
async def test_a_strangers_answer_is_judged_by_its_status(
    standin: BedrockStandIn, provider: BedrockProvider, status: int, expected: type[RelayError]
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code=f"Not{SECRET}", status=status))
    for error in await _errors(provider):
        assert type(error) is expected
        assert error.message == expected.default_message


@pytest.mark.parametrize(("message", "expected", "saying"), SAYINGS)
async def test_a_validation_error_is_told_by_what_it_says(
    standin: BedrockStandIn, provider: BedrockProvider, message: str, expected: type[RelayError], saying: str
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code="ValidationException", message=message))
    for error in await _errors(provider):
        assert type(error) is expected
        assert saying in error.message
        assert message not in error.message


@pytest.mark.parametrize(("code", "expected"), IN_STREAM)
async def test_an_error_inside_a_stream_comes_after_its_text(
    standin: BedrockStandIn, provider: BedrockProvider, code: str, expected: type[RelayError]
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.ERROR_EVENT, code=code, after=2, message=SECRET))
    pieces, error = await broken_off(provider)
    assert type(error) is expected
    assert "".join(text.text for text in texts_of(pieces)) == "Hello, "
    assert SECRET not in error.message


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


async def test_an_endpoint_that_is_away_or_hangs_up_is_unavailable(standin: BedrockStandIn) -> None:
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
async def test_a_stream_that_breaks_is_a_protocol_error_after_what_came_before(
    standin: BedrockStandIn, provider: BedrockProvider, kind: FaultKind, after: int
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=after))
    pieces, error = await broken_off(provider)
    assert type(error) is ProviderProtocol
    assert pieces[:1] == [Opening(SONNET)]
    assert "".join(text.text for text in texts_of(pieces)) == "".join(standin.script.words[:after])


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.RESET, FaultKind.MALFORMED, FaultKind.INVALID_UTF8])
async def test_a_whole_answer_that_breaks_is_a_protocol_error(
    standin: BedrockStandIn, provider: BedrockProvider, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2))
    with pytest.raises(ProviderProtocol):
        await provider.complete(PROMPT)


async def test_without_its_end_mark_a_stream_has_no_ending_and_a_whole_answer_is_an_error(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.NO_END))
    assert isinstance((await pieces_of(provider))[-1], Text)
    with pytest.raises(ProviderProtocol):
        await provider.complete(PROMPT)


@pytest.mark.parametrize("keys", [{"access_key_id": WRONG_KEY_ID}, {"session_token": EXPIRED_TOKEN}])
async def test_a_wrong_key_and_an_expired_token_are_the_servers_fault(
    standin: BedrockStandIn, keys: dict[str, str]
) -> None:
    provider = bedrock(standin.url, **keys)
    with pytest.raises(ProviderAuth):
        await provider.complete(PROMPT)
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
        await provider.complete(prompt)
    with pytest.raises(expected):
        await pieces_of(provider, prompt)
