"""How long a provider may be silent, and how long it is waited for between tries, by time that a test advances."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from llm_relay.errors import ProviderRateLimited, ProviderUnavailable
from llm_relay.messages import Accuracy
from server_b.core.limits import Limits, Patience
from server_b.core.runner.retry import MIN_PAUSE_S
from server_b.providers.base import Provider, Text, WholeAnswer, Working
from server_b.providers.fallback import Fallback
from tests.support.chains import Named
from tests.support.held_time import HELD_TIME, HeldLoop, held_loop
from tests.support.relayed import a_few_turns, streamed, text, whole
from tests.support.scripted import ENDING, HELLO, OPENING, End, ScriptedProvider, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

SHORT_S, LONG_S = 2.0, 50.0

whole_and_streamed = pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "stream"])


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, type[HeldLoop]]]:
    return HELD_TIME


@pytest.fixture
async def loop() -> AsyncIterator[HeldLoop]:
    with held_loop().held():
        yield held_loop()


def ask(
    provider: Provider, *, first_s: float = LONG_S, gap_s: float = LONG_S, is_whole: bool = False
) -> asyncio.Task[str]:
    """Starts a call; the task returns its text."""
    patience = Patience(attempts=3, first_token_s=first_s, token_gap_s=gap_s)
    relay = create_relay(provider, limits=Limits(patience=patience, timeout_s=1000.0))

    async def answer() -> str:
        return (await whole(relay)).text if is_whole else text(await streamed(relay))

    return asyncio.create_task(answer())


async def pass_time(loop: HeldLoop, seconds: float) -> None:
    loop.advance(seconds)
    await a_few_turns()


@whole_and_streamed
async def test_an_answer_that_is_silent_too_long_at_first_is_given_up(loop: HeldLoop, is_whole: bool) -> None:
    asking = ask(provider := ScriptedProvider([asyncio.Event()]), first_s=SHORT_S, is_whole=is_whole)
    await provider.until_waiting()
    await pass_time(loop, SHORT_S - 0.125)
    assert provider.running == 1
    await pass_time(loop, 0.125)
    with pytest.raises(ProviderUnavailable, match="silent"):
        await asking
    assert [one.end for one in provider.tries] == [End.ABORTED]


@whole_and_streamed
async def test_an_answer_that_becomes_silent_later_is_given_up_with_its_usage(loop: HeldLoop, is_whole: bool) -> None:
    provider = ScriptedProvider([OPENING, Text("Hello"), asyncio.Event()])
    asking = ask(provider, gap_s=SHORT_S, is_whole=is_whole)
    await provider.until_waiting()
    await pass_time(loop, SHORT_S - 0.125)
    assert provider.running == 1
    await pass_time(loop, 0.125)
    with pytest.raises(ProviderUnavailable, match="silent") as failed:
        await asking
    assert provider.tries[0].end is End.ABORTED
    assert failed.value.spent is not None
    assert failed.value.spent.usage.accuracy is Accuracy.ESTIMATED


@pytest.mark.parametrize(
    ("before", "first_s", "gap_s"),
    [([Working()], SHORT_S, LONG_S), ([], LONG_S, SHORT_S), ([WholeAnswer()], SHORT_S, SHORT_S)],
    ids=["a sign of life", "the first token", "a server that does not stream"],
)
async def test_an_answer_may_be_silent_as_long_as_its_last_event_allows(
    loop: HeldLoop, before: list[Step], first_s: float, gap_s: float
) -> None:
    go_on = asyncio.Event()
    asking = ask(provider := ScriptedProvider([*before, go_on, *HELLO]), first_s=first_s, gap_s=gap_s)
    await provider.until_waiting()
    await pass_time(loop, LONG_S - 1)
    go_on.set()
    assert await asking == "Hello"


@whole_and_streamed
async def test_a_server_that_does_not_stream_may_be_silent_after_a_retry_too(loop: HeldLoop, is_whole: bool) -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider([away(retry_after_s=0)], [WholeAnswer(), go_on, *HELLO])
    asking = ask(provider, first_s=SHORT_S, gap_s=SHORT_S, is_whole=is_whole)
    await provider.until_ended()
    await a_few_turns()
    await pass_time(loop, MIN_PAUSE_S)
    await provider.until_waiting(2)
    await pass_time(loop, 10 * LONG_S)
    go_on.set()
    assert await asking == "Hello"


async def test_each_sign_of_life_resets_the_silence_limit(loop: HeldLoop) -> None:
    gates = [asyncio.Event() for _ in range(4)]
    waits: list[Step] = [step for gate in gates for step in (gate, Working())]
    asking = ask(provider := ScriptedProvider([OPENING, *waits, Text("Hi"), ENDING]), gap_s=SHORT_S)
    for gate in gates:
        await provider.until_waiting()
        await pass_time(loop, SHORT_S - 0.125)
        gate.set()
        await a_few_turns()
    assert await asking == "Hi"


@pytest.mark.parametrize(("retry_after_s", "pause_s"), [(20.0, 20.0), (0.0, MIN_PAUSE_S)])
async def test_the_providers_retry_time_is_waited_for_and_is_not_silence(
    loop: HeldLoop, retry_after_s: float, pause_s: float
) -> None:
    provider = ScriptedProvider([ProviderRateLimited(retry_after_s=retry_after_s)], HELLO)
    asking = ask(provider, first_s=SHORT_S)
    await provider.until_ended()
    await a_few_turns()
    await pass_time(loop, pause_s * 0.75)
    assert len(provider.tries) == 1
    await pass_time(loop, pause_s * 0.25)
    assert await asking == "Hello"
    assert len(provider.tries) == 2


async def test_each_provider_of_a_chain_has_its_own_time_to_the_first_token(loop: HeldLoop) -> None:
    first, second = Named("first", [(go_on := asyncio.Event()), away()]), Named("second", [asyncio.Event()])
    asking = ask(Fallback([first, second], {}), first_s=SHORT_S)
    await first.until_waiting()
    await pass_time(loop, SHORT_S - 0.125)
    go_on.set()
    await second.until_waiting()
    await pass_time(loop, SHORT_S - 0.125)
    assert second.running == 1
    await pass_time(loop, 0.125)
    with pytest.raises(ProviderUnavailable, match="silent"):
        await asking
