"""The provider is called within the deadline, silence has a limit, and transient errors are retried."""

import asyncio
from collections.abc import Callable

import pytest

from llm_relay.errors import (
    DeadlineExceeded,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from llm_relay.messages import Accuracy, Delta, Event, Finished, FinishReason, Prompt
from server_b.core.limits import Limits, Patience
from server_b.core.relay import Relay
from server_b.providers.base import Ending, Provider, Text, Working
from tests.support.scripted import ENDING, HELLO, OPENING, End, ScriptedProvider, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

HI = Prompt(message="Hi")
LONG_S = 3600.0


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Runs on both event loops, because their clocks and timers have different resolutions."""
    return "asyncio", {"use_uvloop": request.param}


def patient(
    provider: Provider, *, attempts: int = 3, first_token_s: float = LONG_S, token_gap_s: float = LONG_S
) -> Relay:
    patience = Patience(attempts=attempts, first_token_s=first_token_s, token_gap_s=token_gap_s)
    return create_relay(provider, limits=Limits(patience=patience))


async def streamed(relay: Relay, timeout_s: float = LONG_S) -> list[Event]:
    return [event async for event in relay.stream_process(HI, caller="alice", timeout_s=timeout_s)]


async def answer_text(relay: Relay, *, whole: bool, timeout_s: float = LONG_S) -> str:
    """Returns the text of an answer, whole or streamed."""
    if whole:
        return (await relay.process(HI, caller="alice", timeout_s=timeout_s)).text
    events = await streamed(relay, timeout_s)
    return "".join(event.text for event in events if isinstance(event, Delta))


whole_and_streamed = pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])


@whole_and_streamed
@pytest.mark.parametrize("error", [ProviderRateLimited, away])
async def test_a_transient_error_is_retried(error: Callable[..., RelayError], whole: bool) -> None:
    provider = ScriptedProvider([error(retry_after_s=0)], [error(retry_after_s=0)], HELLO)
    assert await answer_text(patient(provider), whole=whole) == "Hello"
    assert [one.end for one in provider.tries] == [End.FAILED, End.FAILED, End.WHOLE]


@whole_and_streamed
@pytest.mark.parametrize(
    "script",
    [
        [ProviderUnavailable(retry_after_s=0)],
        [ProviderRateLimited(retry_after_s=0, may_have_worked=True)],
        [Working(), away(retry_after_s=0)],
        [Working(), ProviderRateLimited(retry_after_s=0)],
        [OPENING, away(retry_after_s=0)],
        [OPENING, Text("Hel"), ProviderRateLimited(retry_after_s=0)],
    ],
    ids=["lost", "maybe", "sign of life, unavailable", "sign of life, limited", "begun", "text"],
)
async def test_a_request_that_may_have_worked_is_not_sent_again(script: list[Step], whole: bool) -> None:
    provider = ScriptedProvider(script, HELLO)
    with pytest.raises(RelayError) as failed:
        await answer_text(patient(provider), whole=whole)
    assert failed.value.may_have_worked
    assert len(provider.tries) == 1


@whole_and_streamed
@pytest.mark.parametrize(
    ("script", "again"),
    [
        ([ProviderUnavailable(retry_after_s=0)], True),
        ([Working(), away(retry_after_s=0)], True),
        ([ProviderProtocol()], False),
        ([OPENING, away(retry_after_s=0)], False),
    ],
    ids=["lost", "sign of life", "malformed", "begun"],
)
async def test_availability_can_be_preferred_to_money(script: list[Step], again: bool, whole: bool) -> None:
    provider = ScriptedProvider(script, HELLO)
    relay = create_relay(provider, limits=Limits(patience=Patience(retry_maybe_worked=True)))
    if again:
        assert await answer_text(relay, whole=whole) == "Hello"
    else:
        with pytest.raises(RelayError):
            await answer_text(relay, whole=whole)
    assert len(provider.tries) == 1 + again


async def test_an_error_that_a_retry_cannot_fix_is_not_retried() -> None:
    untrusted = ProviderUnavailable(may_have_worked=False, repeat_helps=False, retry_after_s=0)
    provider = ScriptedProvider([untrusted], HELLO)
    with pytest.raises(ProviderUnavailable):
        await streamed(patient(provider))
    assert len(provider.tries) == 1


async def test_the_final_error_knows_of_earlier_attempts_that_may_be_billed() -> None:
    provider = ScriptedProvider([ProviderUnavailable(retry_after_s=0)], [ProviderAuth()])
    relay = create_relay(provider, limits=Limits(patience=Patience(retry_maybe_worked=True)))
    with pytest.raises(ProviderAuth) as failed:
        await streamed(relay)
    assert failed.value.may_have_worked


@whole_and_streamed
async def test_a_retry_waits_even_if_the_provider_names_no_time(whole: bool) -> None:
    provider = ScriptedProvider([away()], HELLO)
    assert await answer_text(patient(provider), whole=whole) == "Hello"
    assert len(provider.tries) == 2


@whole_and_streamed
@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_attempts_end_with_the_last_error_when_they_are_used_up(attempts: int, whole: bool) -> None:
    provider = ScriptedProvider([ProviderRateLimited("slow down", retry_after_s=0)])
    with pytest.raises(ProviderRateLimited, match="slow down") as failed:
        await answer_text(patient(provider, attempts=attempts), whole=whole)
    assert len(provider.tries) == attempts
    assert failed.value.retry_after_s == 0


@whole_and_streamed
@pytest.mark.parametrize("error", [ProviderAuth, ProviderRejected, ProviderProtocol, UnknownModel])
async def test_a_permanent_error_is_not_retried(error: type[RelayError], whole: bool) -> None:
    provider = ScriptedProvider([error()])
    with pytest.raises(error):
        await answer_text(patient(provider), whole=whole)
    assert len(provider.tries) == 1


async def test_nothing_is_retried_once_the_stream_has_started() -> None:
    provider = ScriptedProvider([OPENING, away(retry_after_s=0)])
    with pytest.raises(ProviderUnavailable):
        await streamed(patient(provider))
    assert len(provider.tries) == 1


async def test_the_start_is_sent_once_after_retries() -> None:
    provider = ScriptedProvider([away(retry_after_s=0)], HELLO)
    events = await streamed(patient(provider))
    assert [type(event).__name__ for event in events] == ["Started", "Delta", "Finished"]


@whole_and_streamed
@pytest.mark.parametrize("retry_after_s", [60.0, float("inf"), float("nan")])
async def test_a_retry_time_past_the_deadline_is_reported_at_once(retry_after_s: float, whole: bool) -> None:
    provider = ScriptedProvider([ProviderRateLimited(retry_after_s=retry_after_s)])
    with pytest.raises(ProviderRateLimited) as failed:
        await answer_text(patient(provider), whole=whole, timeout_s=30)
    assert repr(failed.value.retry_after_s) == repr(retry_after_s)
    assert len(provider.tries) == 1


@whole_and_streamed
async def test_the_deadline_stops_the_provider(whole: bool) -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    with pytest.raises(DeadlineExceeded) as failed:
        await answer_text(patient(provider), whole=whole, timeout_s=0.05)
    assert provider.tries[0].end is End.ABORTED
    assert failed.value.spent is not None
    assert failed.value.request_id


async def test_a_deadline_is_never_mistaken_for_silence() -> None:
    # Timers may fire a little before the clock shows their time.
    async def reason(timeout_s: float) -> str:
        with pytest.raises(RelayError) as failed:
            await streamed(patient(ScriptedProvider([asyncio.Event()])), timeout_s)
        return failed.value.reason

    reasons = await asyncio.gather(*(reason(0.05 + place * 0.00037) for place in range(40)))
    assert set(reasons) == {"DEADLINE_EXCEEDED"}


async def test_the_deadline_applies_during_the_pause_between_attempts() -> None:
    provider = ScriptedProvider([away(retry_after_s=0)], [asyncio.Event()])
    with pytest.raises(DeadlineExceeded):
        await streamed(patient(provider), timeout_s=0.2)
    assert [one.end for one in provider.tries] == [End.FAILED, End.ABORTED]


@whole_and_streamed
async def test_an_answer_that_is_silent_too_long_at_first_is_given_up(whole: bool) -> None:
    provider = ScriptedProvider([asyncio.Event()])
    with pytest.raises(ProviderUnavailable, match="silent"):
        await answer_text(patient(provider, first_token_s=0.02), whole=whole)
    assert [one.end for one in provider.tries] == [End.ABORTED]


@whole_and_streamed
async def test_an_answer_that_becomes_silent_later_is_given_up_with_its_usage(whole: bool) -> None:
    provider = ScriptedProvider([OPENING, Text("Hello"), asyncio.Event()])
    with pytest.raises(ProviderUnavailable, match="silent") as failed:
        await answer_text(patient(provider, token_gap_s=0.02), whole=whole)
    assert provider.tries[0].end is End.ABORTED
    assert failed.value.spent is not None
    assert failed.value.spent.usage.accuracy is Accuracy.ESTIMATED


@whole_and_streamed
async def test_a_pause_before_the_next_try_is_not_the_providers_silence(whole: bool) -> None:
    provider = ScriptedProvider([away(retry_after_s=0)], HELLO)
    assert await answer_text(patient(provider, first_token_s=0), whole=whole) == "Hello"


async def test_a_stream_without_the_providers_own_end_is_an_error_never_a_stop() -> None:
    with pytest.raises(ProviderProtocol, match="end"):
        await streamed(patient(ScriptedProvider([OPENING, Text("Hello")])))


async def test_a_stream_that_ends_before_it_began_is_an_error() -> None:
    with pytest.raises(ProviderProtocol):
        await streamed(patient(ScriptedProvider([])))


async def test_nothing_after_the_providers_own_end_is_waited_for() -> None:
    provider = ScriptedProvider([OPENING, Ending(FinishReason.LENGTH, None), asyncio.Event()])
    *_, last = await streamed(patient(provider))
    assert isinstance(last, Finished)
    assert last.finish_reason is FinishReason.LENGTH
    assert provider.running == 0


async def test_an_answer_without_text_is_an_answer() -> None:
    assert await answer_text(patient(ScriptedProvider([OPENING, ENDING])), whole=False) == ""
    assert await answer_text(patient(ScriptedProvider([OPENING, ENDING])), whole=True) == ""


@whole_and_streamed
async def test_the_providers_own_timeout_is_not_mistaken_for_the_deadline(whole: bool) -> None:
    with pytest.raises(RelayError) as failed:
        await answer_text(patient(ScriptedProvider([TimeoutError("socket")])), whole=whole)
    assert failed.value.reason == "INTERNAL"
