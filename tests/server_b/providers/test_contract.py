"""Required behaviour of every provider, over real sockets, against stand-ins that the official SDKs accept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from llm_relay import errors
from llm_relay.messages import Accuracy, FinishReason
from server_b.providers.base import Counting, Ending, Opening, Piece, Text, Working
from tests.standins.exchange import Outcome
from tests.support.subjects import SECRET, SENDING, SUBJECTS, Subject, open_subject, pieces_of
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio

ERRORS = {
    "rate_limit": errors.ProviderRateLimited,
    "server_error": errors.ProviderUnavailable,
    "auth": errors.ProviderAuth,
    "unknown_model": errors.UnknownModel,
    "rejected": errors.ProviderRejected,
}


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with open_subject(request.param) as opened:
        yield opened


async def test_a_whole_answer_has_its_text_its_end_and_an_exact_count(subject: Subject) -> None:
    completion = await whole_answer(subject.provider, subject.prompt())
    assert completion.text
    assert completion.finish_reason is FinishReason.STOP
    assert completion.usage is not None
    assert completion.usage.accuracy is Accuracy.EXACT
    assert completion.usage.input_tokens
    assert completion.usage.output_tokens


async def test_a_stream_is_one_opening_then_texts_then_one_ending(subject: Subject) -> None:
    pieces = await pieces_of(subject, subject.prompt())
    opening, *texts, ending = (piece for piece in pieces if not isinstance(piece, Working | Counting))
    assert isinstance(opening, Opening)
    assert texts
    assert all(isinstance(text, Text) and text.text and text.count >= 1 for text in texts)
    assert isinstance(ending, Ending)
    assert ending.finish_reason is FinishReason.STOP
    assert ending.usage is not None
    assert ending.usage.accuracy is Accuracy.EXACT


@pytest.mark.parametrize("subject", SENDING, indirect=True)  # the mock has different texts for the two
async def test_a_stream_gives_the_same_as_a_whole_answer(subject: Subject) -> None:
    whole = (await whole_answer(subject.provider, subject.prompt())).text
    texts = [piece.text for piece in await pieces_of(subject, subject.prompt()) if isinstance(piece, Text)]
    assert "".join(texts) == whole


@pytest.mark.parametrize("fault", ERRORS)
async def test_a_refusal_has_its_class_and_reveals_nothing_of_prompt_or_key(subject: Subject, fault: str) -> None:
    with pytest.raises(ERRORS[fault]) as whole:
        await whole_answer(subject.provider, subject.prompt(fault))
    with pytest.raises(ERRORS[fault]) as streamed:
        await pieces_of(subject, subject.prompt(fault))
    assert SECRET not in f"{whole.value} {streamed.value}"


@pytest.mark.parametrize("fault", ["cut", "malformed", "no_end"])
async def test_a_cut_stream_never_has_an_ending(subject: Subject, fault: str) -> None:
    if fault == "no_end" and subject.standin is None:
        fault = "cut"  # the mock has no transport below it: its cut is a clean end without the end mark
    pieces: list[Piece] = []
    with contextlib.suppress(errors.ProviderProtocol):
        async with contextlib.aclosing(subject.provider.stream(subject.prompt(fault))) as stream:
            async for piece in stream:
                pieces.append(piece)  # noqa: PERF401 - pieces before the error count
    assert not any(isinstance(piece, Ending) for piece in pieces)


@pytest.mark.parametrize("fault", ["cut", "malformed"])
async def test_a_cut_whole_answer_never_has_an_ending(subject: Subject, fault: str) -> None:
    with contextlib.suppress(errors.ProviderProtocol):
        assert (await whole_answer(subject.provider, subject.prompt(fault))).finish_reason is None


async def test_cancelling_a_whole_answer_closes_its_connection(subject: Subject) -> None:
    await _cancelled(subject, asyncio.create_task(whole_answer(subject.provider, subject.prompt("hang"))))


async def test_cancelling_a_silent_stream_closes_its_connection(subject: Subject) -> None:
    await _cancelled(subject, asyncio.create_task(pieces_of(subject, subject.prompt("hang"))))


async def _cancelled(subject: Subject, task: asyncio.Task[object]) -> None:
    request = await subject.standin.next_request() if subject.standin else None
    await asyncio.sleep(0)  # the mock has begun by then
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert request is None or await request.ended() is Outcome.DISCONNECTED


async def test_closing_a_stream_between_its_tokens_closes_its_connection(subject: Subject) -> None:
    stream = subject.provider.stream(subject.prompt("hang_during"))
    async with asyncio.timeout(60):
        while not isinstance(await anext(stream), Text):
            pass
    await stream.aclose()
    if subject.standin is not None:
        request = await subject.standin.next_request()
        assert await request.ended() is Outcome.DISCONNECTED


async def test_the_default_model_is_listed(subject: Subject) -> None:
    models = await subject.provider.list_models()
    assert models.provider == subject.provider.name
    assert models.default_model == subject.provider.default_model
    assert models.default_model in models.models


async def test_closing_a_provider_leaves_nothing_open(subject: Subject) -> None:
    await whole_answer(subject.provider, subject.prompt())
    await pieces_of(subject, subject.prompt())
    await subject.provider.close()
    if subject.standin is not None:
        await subject.standin.all_closed()
