"""What a call has used, where the provider did not say."""

import pytest

from llm_relay.messages import Accuracy, FinishReason, Prompt, Role, Turn, Usage
from server_b.providers.base import Ending, Text
from tests.support.relayed import last, streamed
from tests.support.scripted import OPENING, ScriptedProvider, Step
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

NO_COUNT = Ending(FinishReason.STOP, None)


async def usage(*script: Step, prompt: Prompt) -> Usage:
    return last(await streamed(create_relay(ScriptedProvider(script)), prompt)).usage


async def test_input_is_estimated_from_every_text_of_the_prompt() -> None:
    prompt = Prompt(message="x" * 8, context="x" * 5, history=(Turn(role=Role.USER, text="x"),))
    assert (await usage(OPENING, Text("a"), NO_COUNT, prompt=prompt)).input_tokens == (2 + 4) + (2 + 4) + (1 + 4)


@pytest.mark.parametrize(
    ("texts", "output_tokens"),
    [([Text("a"), Text("b")], 2), ([Text("x" * 9)], 3), ([Text("ab", 2)], 2), ([Text("x" * 9, 4)], 4)],
)
async def test_output_is_estimated_from_pieces_or_letters_whichever_gives_more(
    texts: list[Step], output_tokens: int
) -> None:
    found = await usage(OPENING, *texts, NO_COUNT, prompt=Prompt(message="Hi"))
    assert (found.output_tokens, found.accuracy) == (output_tokens, Accuracy.ESTIMATED)


async def test_without_count_and_text_nothing_is_known() -> None:
    assert await usage(OPENING, NO_COUNT, prompt=Prompt(message="Hi")) == Usage(accuracy=Accuracy.UNKNOWN)


async def test_a_whole_answer_without_count_is_estimated_from_its_letters() -> None:
    relay = create_relay(ScriptedProvider([OPENING, Text("x" * 9), NO_COUNT]))
    answer = await relay.process(Prompt(message="Hi"), caller="alice")
    assert answer.finished.usage == Usage(input_tokens=5, output_tokens=3, accuracy=Accuracy.ESTIMATED)


async def test_a_count_of_zero_is_a_count() -> None:
    counted = Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)
    found = await usage(OPENING, Text("a"), Ending(FinishReason.STOP, counted), prompt=Prompt(message="Hi"))
    assert found == counted
