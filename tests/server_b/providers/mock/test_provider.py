"""The mock answers with the contract's texts, and with requested faults if they are allowed."""

import asyncio
from contextlib import aclosing

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
from llm_relay.messages import Accuracy, FinishReason, Prompt, Role, Turn, Usage
from server_b.providers.base import Ending, Opening, Piece, Text
from server_b.providers.mock.provider import MODEL, MockProvider
from tests.support.scripted import PATIENCE_S
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio


def mock(*, faults_allowed: bool = True) -> MockProvider:
    return MockProvider(delay_s=0, word_delay_s=0, faults_allowed=faults_allowed)


def asking_for(query: str, message: str = "Hi") -> Prompt:
    return Prompt(message=message, model=f"mock-model?{query}")


async def pieces(provider: MockProvider, prompt: Prompt) -> list[Piece]:
    return [piece async for piece in provider.stream(prompt)]


def words(found: list[Piece]) -> str:
    return "".join(piece.text for piece in found if isinstance(piece, Text))


async def test_a_whole_answer_has_the_contracts_text() -> None:
    completion = await whole_answer(mock(), Prompt(message="Grüße, 世界!"))
    assert completion.text == (
        "[MOCK RESPONSE #1] You said: 'Grüße, 世界!'. This is a test response without calling any external API."
    )
    assert (completion.model, completion.finish_reason) == ("mock-model", FinishReason.STOP)


async def test_a_streamed_answer_has_the_contracts_text_word_by_word() -> None:
    found = await pieces(mock(), Prompt(message="a  b\n c"))
    assert words(found) == "[MOCK STREAM #1] You said: 'a  b\n c'. This is a streaming test response."
    assert (found[0], type(found[-1])) == (Opening(MODEL), Ending)
    assert all(isinstance(piece, Text) and piece.text for piece in found[1:-1])


async def test_both_kinds_are_counted_together() -> None:
    provider = mock()
    assert "#1]" in (await whole_answer(provider, Prompt(message="Hi"))).text
    assert "#2]" in words(await pieces(provider, Prompt(message="Hi")))
    assert "#3]" in (await whole_answer(provider, Prompt(message="Hi"))).text


async def test_the_model_is_the_mocks_whatever_is_named() -> None:
    assert (await whole_answer(mock(), Prompt(message="Hi", model="gpt-4o"))).model == "mock-model"


async def test_usage_is_the_mocks_own_exact_count_of_words() -> None:
    prompt = Prompt(message="a b", context="c", history=(Turn(role=Role.USER, text="d e f"),))
    completion = await whole_answer(mock(), prompt)
    assert completion.usage == Usage(
        input_tokens=6, output_tokens=len(completion.text.split()), accuracy=Accuracy.EXACT
    )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", ProviderRateLimited),
        ("server_error", ProviderUnavailable),
        ("auth", ProviderAuth),
        ("rejected", ProviderRejected),
        ("unknown_model", UnknownModel),
        ("malformed", ProviderProtocol),
    ],
)
async def test_a_requested_fault_occurs_whole_and_streamed(fault: str, error: type[RelayError]) -> None:
    with pytest.raises(error):
        await whole_answer(mock(), asking_for(f"fault={fault}"))
    with pytest.raises(error):
        await pieces(mock(), asking_for(f"fault={fault}"))


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_a_cut_stream_has_that_many_words_and_no_end(after: int) -> None:
    found = await pieces(mock(), asking_for(f"fault=cut&after={after}"))
    assert [type(piece) for piece in found] == [Opening] + [Text] * after


async def test_a_cut_whole_answer_has_no_end() -> None:
    cut = await whole_answer(mock(), asking_for("fault=cut&after=2"))
    assert (cut.text, cut.finish_reason) == ("[MOCK RESPONSE ", None)


@pytest.mark.parametrize(("fault", "given"), [("hang", 0), ("hang_during&after=2", 3)])
async def test_a_hang_lasts_until_the_caller_leaves(fault: str, given: int) -> None:
    async with aclosing(mock().stream(asking_for(f"fault={fault}"))) as stream:
        assert len([await anext(stream) for _ in range(given)]) == given
        silence = asyncio.ensure_future(anext(stream))
        await asyncio.wait([silence], timeout=0.01)
        assert not silence.done()
        silence.cancel()
        await asyncio.wait([silence], timeout=PATIENCE_S)
        assert silence.cancelled()


async def test_a_fault_stops_after_its_number_of_times() -> None:
    provider, prompt = mock(), asking_for("fault=rate_limit&retry_after=0&times=2")
    for _ in range(2):
        with pytest.raises(ProviderRateLimited) as failed:
            await whole_answer(provider, prompt)
        assert failed.value.retry_after_s == 0
    assert (await whole_answer(provider, prompt)).text
    with pytest.raises(ProviderRateLimited):
        await whole_answer(provider, prompt)


@pytest.mark.parametrize(
    "query",
    [
        "fault=none",
        "fault=cut&after=few",
        "delay=nan",
        "delay=inf",
        "delay=-1",
        "word_delay=1e400",
        "fault=rate_limit&retry_after=soon",
        "fault=rate_limit&times=nan",
    ],
)
async def test_an_unknown_fault_is_refused(query: str) -> None:
    with pytest.raises(ProviderRejected, match="fault="):
        await whole_answer(mock(), asking_for(query))


async def test_faults_are_off_unless_they_are_allowed() -> None:
    assert (await whole_answer(mock(faults_allowed=False), asking_for("fault=rate_limit"))).text


async def test_the_models_are_listed_with_a_note() -> None:
    models = await mock().list_models()
    assert (models.models, models.default_model) == (("mock-model",), "mock-model")
    assert models.note
