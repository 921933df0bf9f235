"""The usage of a call for which the provider reported none."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from llm_relay.errors import ProviderAuth, ProviderProtocol, ProviderRateLimited, ProviderUnavailable, RelayError
from llm_relay.messages import MAX_MODEL_CHARS, Accuracy, FinishReason, Prompt, Role, Started, Turn, Usage
from server_b.core.limits import Limits, Patience
from server_b.core.runner.retry import MAX_TIER_CHARS
from server_b.core.runner.settlement import NOTHING_USED
from server_b.core.token_estimates.prompt_tokens import TOKENS_PER_TURN
from server_b.core.token_estimates.text_tokens import estimated_tokens
from server_b.providers.base import Counted, Counting, Ending, Opening, Text, Working
from tests.support.observed import Observed
from tests.support.relayed import a_few_turns, streamed
from tests.support.scripted import HELLO, OPENING, USAGE, ScriptedProvider, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

HI = Prompt(message="Hi")
NO_COUNT = Ending(FinishReason.STOP, None)
LAVISH = Limits(patience=Patience(attempts=3, retry_maybe_worked=True))
"""Retries although both attempts may be billed."""


async def usage(*scripts: Sequence[Step], prompt: Prompt = HI, limits: Limits = LAVISH) -> Usage:
    """Returns the usage of a call, even of a failed one."""
    observed = Observed()
    relay = create_relay(ScriptedProvider(*scripts), limits=limits, observers=[observed])
    with contextlib.suppress(RelayError):
        await streamed(relay, prompt)
    return observed.calls[0].finished.usage


async def test_input_is_estimated_from_every_text_of_the_prompt() -> None:
    prompt = Prompt(message="How are you?", context="Be brief.", history=(Turn(role=Role.USER, text="Hello"),))
    texts = ("How are you?", "Be brief.", "Hello")
    found = await usage([OPENING, Text("a"), NO_COUNT], prompt=prompt)
    assert found.input_tokens == sum(estimated_tokens(text) + TOKENS_PER_TURN for text in texts)


@pytest.mark.parametrize("pieces", [[Text("Hello, world!")], [Text(letter) for letter in "Hello, world!"]])
async def test_output_is_estimated_from_the_text_whole_or_streamed(pieces: list[Step]) -> None:
    found = await usage([OPENING, *pieces, NO_COUNT])
    assert (found.output_tokens, found.accuracy) == (estimated_tokens("Hello, world!"), Accuracy.ESTIMATED)


async def test_a_whole_answer_without_usage_is_estimated_too() -> None:
    relay = create_relay(ScriptedProvider([OPENING, Text("Hello, world!"), NO_COUNT]))
    answer = await relay.process(HI, caller="alice")
    assert answer.finished.usage.output_tokens == estimated_tokens("Hello, world!")


async def test_visible_reasoning_counts() -> None:
    thought = "The user says hello, so I should say hello too."
    found = await usage([Working(thought), OPENING, Text("Hello"), NO_COUNT])
    assert found.reasoning_tokens == estimated_tokens(thought)
    assert found.output_tokens == estimated_tokens(thought) + estimated_tokens("Hello")


async def test_reasoning_counts_even_if_no_text_follows() -> None:
    found = await usage([Working("Let me think."), ProviderProtocol()])
    assert (found.output_tokens, found.accuracy) == (estimated_tokens("Let me think."), Accuracy.ESTIMATED)


async def test_without_usage_and_text_nothing_is_known() -> None:
    assert await usage([OPENING, NO_COUNT]) == Usage(accuracy=Accuracy.UNKNOWN)


async def test_zeros_beside_a_text_are_from_a_server_that_does_not_count() -> None:
    zeros = Ending(FinishReason.STOP, Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT))
    assert (await usage([OPENING, Text("Hello"), zeros])).accuracy is Accuracy.ESTIMATED
    assert await usage([OPENING, zeros]) == NOTHING_USED


async def test_zeros_beside_the_text_of_a_filter_mean_that_the_model_was_not_asked() -> None:
    zeros = Ending(FinishReason.CONTENT_FILTER, NOTHING_USED)
    assert await usage([OPENING, Text("Sorry."), zeros]) == NOTHING_USED


# Counts that arrived before the answer failed or was stopped.


def counting(*, is_final: bool, is_current: bool = True, service_tier: str = "") -> Counting:
    counted = Counted(USAGE, is_final=is_final, is_current=is_current, service_tier=service_tier)
    return Counting(lambda: counted)


async def test_counts_that_arrived_are_the_usage_of_an_answer_that_failed_later() -> None:
    assert await usage([OPENING, Text("Hello"), counting(is_final=True), ProviderUnavailable()]) == USAGE


LONG = Text("Hello, world, and everybody in it! How are you?")


@pytest.mark.parametrize("end", [ProviderUnavailable(), NO_COUNT])
async def test_counts_of_an_answer_that_was_being_written_are_completed(end: Step) -> None:
    found = await usage([OPENING, counting(is_final=False, is_current=False), LONG, end])
    assert found == replace(USAGE, output_tokens=estimated_tokens(LONG.text), accuracy=Accuracy.ESTIMATED)


async def test_counts_of_everything_that_was_written_are_not_raised() -> None:
    found = await usage([OPENING, LONG, counting(is_final=False), ProviderUnavailable()])
    assert found == replace(USAGE, accuracy=Accuracy.ESTIMATED)


async def test_counts_that_arrived_cost_what_their_service_tier_costs() -> None:
    observed = Observed()
    script: list[Step] = [OPENING, Text("Hello"), counting(is_final=True, service_tier="flex"), ProviderUnavailable()]
    with contextlib.suppress(RelayError):
        await streamed(create_relay(ScriptedProvider(script), observers=[observed]))
    assert observed.calls[0].finished.service_tier == "flex"


@pytest.mark.parametrize("softly", [True, False])
async def test_counts_that_arrived_are_the_usage_of_a_cancelled_answer(*, softly: bool) -> None:
    observed = Observed()
    provider = ScriptedProvider([OPENING, Text("Hello"), counting(is_final=True), asyncio.Event()])
    relay = create_relay(provider, observers=[observed])
    call = asyncio.create_task(streamed(relay, Prompt(message="Hi", request_id="id-1")))
    await provider.until_waiting()
    if softly:
        relay.cancel("id-1", caller="alice")
    else:
        call.cancel()
    await asyncio.wait([call])
    await provider.until_ended()
    await a_few_turns()
    assert observed.calls[0].finished.usage == USAGE


# Attempts before the last.

INPUT = 1 + TOKENS_PER_TURN
LOST: Step = ProviderUnavailable(retry_after_s=0)


@pytest.mark.parametrize(
    ("before", "lost"),
    [
        ([], 0),
        ([[ProviderRateLimited(retry_after_s=0)], [away(retry_after_s=0)]], 0),
        ([[LOST]], 1),
        ([[LOST], [ProviderRateLimited(retry_after_s=0)]], 1),
        ([[LOST], [LOST]], 2),
        ([[Working(), ProviderRateLimited(retry_after_s=0)]], 1),
    ],
)
async def test_a_count_is_exact_only_if_no_earlier_attempt_may_be_billed_too(
    before: list[list[Step]], lost: int
) -> None:
    found = await usage(*before, HELLO)
    assert found.accuracy is (Accuracy.ESTIMATED if lost else Accuracy.EXACT)
    assert (found.input_tokens, found.output_tokens) == ((USAGE.input_tokens or 0) + lost * INPUT, USAGE.output_tokens)


async def test_counts_of_an_earlier_attempt_that_failed_are_added() -> None:
    found = await usage([counting(is_final=True), ProviderUnavailable(retry_after_s=0)], HELLO)
    doubled = {"input_tokens": (USAGE.input_tokens or 0) * 2, "output_tokens": (USAGE.output_tokens or 0) * 2}
    assert found == replace(USAGE, accuracy=Accuracy.ESTIMATED, **doubled)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([[ProviderRateLimited(retry_after_s=0)]] * 3, NOTHING_USED),
        ([[away(retry_after_s=0)], [ProviderAuth()]], NOTHING_USED),
        ([[LOST], [ProviderRateLimited(retry_after_s=0)]], Usage(accuracy=Accuracy.UNKNOWN)),
        ([[ProviderRateLimited(retry_after_s=0)], [LOST], [ProviderAuth()]], Usage(accuracy=Accuracy.UNKNOWN)),
        ([[ProviderProtocol()]], Usage(accuracy=Accuracy.UNKNOWN)),
    ],
)
async def test_a_failed_call_has_no_usage_only_if_every_attempt_was_refused(
    attempts: list[list[Step]], expected: Usage
) -> None:
    assert await usage(*attempts) == expected


@pytest.mark.parametrize("letter", ["m", "\ud800", "\0", "\n"], ids=ascii)
async def test_names_of_a_provider_are_cut_and_made_printable(letter: str) -> None:
    observed, endless = Observed(), letter * 2**20
    script: list[Step] = [Opening(endless), Text("Hi"), Ending(FinishReason.STOP, USAGE, service_tier=endless)]
    events = await streamed(create_relay(ScriptedProvider(script), observers=[observed]), HI)
    finished = observed.calls[0].finished
    kept = letter if letter.isprintable() else "\ufffd"
    assert (finished.model, finished.service_tier) == (kept * MAX_MODEL_CHARS, kept * MAX_TIER_CHARS)
    assert isinstance(events[0], Started)
    assert events[0].model == finished.model
