"""One request_id of one caller is one call to the provider."""

import asyncio

import pytest

from llm_relay.errors import (
    InvalidRequest,
    ProviderProtocol,
    ProviderRejected,
)
from llm_relay.messages import (
    Prompt,
    Role,
    Started,
    Turn,
)
from server_b.core.limits import Limits
from server_b.providers.base import Text
from tests.support.relayed import last, streamed, text, whole
from tests.support.scripted import ENDING, HELLO, OPENING, End, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio


async def test_a_second_request_with_the_same_key_joins_from_the_beginning() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("Hel"), gate, Text("lo"), ENDING])
    relay = create_relay(provider)
    first = asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    second = asyncio.create_task(streamed(relay))
    await asyncio.sleep(0)
    gate.set()
    events = await second
    assert [event.sequence for event in events] == [1, 3, 4] or [event.sequence for event in events] == [1, 2, 3, 4]
    assert text(events) == text(await first) == "Hello"
    assert last(events) == last(await first)
    assert len(provider.tries) == 1


async def test_a_joined_call_continues_while_one_reader_is_left() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("Hel"), gate, Text("lo"), ENDING])
    relay = create_relay(provider)
    first, second = asyncio.create_task(streamed(relay)), asyncio.create_task(streamed(relay))
    await provider.until_waiting()
    first.cancel()
    await asyncio.wait([first])
    assert provider.running == 1
    gate.set()
    assert text(await second) == "Hello"


async def test_the_last_reader_who_leaves_aborts_a_joined_call() -> None:
    provider = ScriptedProvider([OPENING, asyncio.Event()])
    relay = create_relay(provider)
    readers = [asyncio.create_task(streamed(relay)) for _ in range(3)]
    await provider.until_waiting()
    for reader in readers:
        reader.cancel()
    assert await provider.until_ended() is End.ABORTED
    assert len(provider.tries) == 1


async def test_a_joined_call_that_fails_fails_for_everybody() -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([OPENING, gate, ProviderProtocol()]))
    readers = [asyncio.create_task(streamed(relay)) for _ in range(2)]
    await provider.until_waiting()
    gate.set()
    for reader in readers:
        with pytest.raises(ProviderProtocol):
            await reader


async def test_a_kept_answer_is_given_again_without_calling_the_provider() -> None:
    provider = ScriptedProvider()
    relay = create_relay(provider)
    first, again = await whole(relay), await whole(relay)
    assert first == again
    assert len(provider.tries) == 1


async def test_a_kept_stream_is_given_again_from_its_start() -> None:
    relay = create_relay(provider := ScriptedProvider())
    first, again = await streamed(relay), await streamed(relay)
    assert isinstance(again[0], Started)
    assert (text(again), last(again)) == (text(first), last(first))
    assert len(provider.tries) == 1


@pytest.mark.parametrize(
    "other",
    [
        Prompt(message="Ho", request_id="id-1"),
        Prompt(message="Hi", context="Be brief", request_id="id-1"),
        Prompt(message="Hi", model="m", request_id="id-1"),
        Prompt(message="Hi", temperature=0, request_id="id-1"),
        Prompt(message="Hi", max_tokens=1, request_id="id-1"),
        Prompt(message="Hi", history=(Turn(role=Role.USER, text="Ho"),), request_id="id-1"),
    ],
)
@pytest.mark.parametrize("still_runs", [True, False])
async def test_a_different_request_under_the_same_key_is_refused(other: Prompt, still_runs: bool) -> None:
    gate = asyncio.Event()
    relay = create_relay(provider := ScriptedProvider([OPENING, gate, ENDING]))
    first = asyncio.create_task(whole(relay))
    await provider.until_waiting()
    if not still_runs:
        gate.set()
        await first
    with pytest.raises(InvalidRequest) as refused:
        await whole(relay, other)
    assert [violation.field for violation in refused.value.violations] == ["request_id"]
    assert refused.value.request_id == "id-1"
    gate.set()
    await first


async def test_callers_and_methods_do_not_share_a_key() -> None:
    relay = create_relay(provider := ScriptedProvider())
    await whole(relay, caller="alice")
    await whole(relay, caller="bob")
    await streamed(relay, caller="alice")
    assert len(provider.tries) == 3


async def test_a_failed_call_runs_again() -> None:
    relay = create_relay(provider := ScriptedProvider([ProviderRejected()], HELLO))
    with pytest.raises(ProviderRejected):
        await whole(relay)
    assert (await whole(relay)).text == "Hello"
    assert len(provider.tries) == 2


async def test_nothing_is_kept_if_the_keeping_time_is_zero() -> None:
    relay = create_relay(provider := ScriptedProvider(), limits=Limits(answer_keep_s=0))
    await whole(relay)
    await whole(relay)
    assert len(provider.tries) == 2
