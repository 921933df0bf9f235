"""Running calls, and answers that are kept for a time and within a memory limit."""

import asyncio
import dataclasses
import gc
import tracemalloc
from sys import getsizeof

import pytest

from llm_relay.errors import Cancelled
from llm_relay.messages import Prompt, Role, Turn
from server_b.core.answer.deltas import DELTA_BYTES
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key
from server_b.core.repeats.call_registry import CallRegistry
from server_b.core.repeats.kept_answers import KEPT_BYTES, KeptAnswers
from server_b.providers.base import Text
from tests.support.relayed import FINISHED, HI, a_few_turns, streamed
from tests.support.scripted import ENDING, OPENING, PATIENCE_S, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

KEEP_S = 300.0


class Clock:
    """Shows the time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ended(calls: CallRegistry, name: str, *, answer: str = "", prompt: Prompt = HI, keep: bool = True) -> Call:
    """Adds a call that has run and ended."""
    call = Call(Key("alice", name, Delivery.WHOLE), prompt, "scripted")
    calls.add(call)
    call.begin_attempt(1, "scripted", "a-model")
    call.start("a-model")
    if answer:
        call.add(answer)
    call.finish(FINISHED)
    calls.end(call, keep=keep)
    return call


def kept(calls: CallRegistry, call: Call) -> str | None:
    """Returns the kept text of a call, or None."""
    found = calls.find(call.key, call.prompt)
    return None if found is None else found.transcript.text


async def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    clock = Clock()
    calls = CallRegistry(KEEP_S, clock)
    call = ended(calls, "a", answer="Hello")
    clock.now += KEEP_S - 1
    assert kept(calls, call) == "Hello"
    clock.now += 1
    assert kept(calls, call) is None


async def test_kept_answers_expire_without_another_call() -> None:
    calls = CallRegistry(0.01, asyncio.get_running_loop().time)
    for name in "abc":
        ended(calls, name, answer="Hello")
    assert len(calls.kept) == 3
    async with asyncio.timeout(PATIENCE_S):
        while len(calls.kept):
            await a_few_turns()
    assert calls.kept.bytes == 0


async def test_a_call_that_failed_is_not_kept() -> None:
    calls = CallRegistry(KEEP_S, Clock())
    assert kept(calls, ended(calls, "a", keep=False)) is None
    assert len(calls) == 0


def finished_call(name: str, answer: str) -> Call:
    call = Call(Key("alice", name, Delivery.WHOLE), HI, "scripted")
    call.begin_attempt(1, "scripted", "a-model")
    call.start("a-model")
    call.add(answer)
    call.finish(dataclasses.replace(FINISHED))
    return call


async def test_the_oldest_answers_go_first_when_there_are_too_many() -> None:
    answers = KeptAnswers(KEEP_S, Clock(), max_bytes=28_000)
    calls = [finished_call(name, "x" * 7_000) for name in "abcd"]
    for call in calls:
        answers.keep(call)
    assert [answers.find(call.key) is not None for call in calls] == [False, True, True, True]


async def test_an_answer_over_the_limit_is_not_kept_and_leaves_room_for_others() -> None:
    answers = KeptAnswers(KEEP_S, Clock(), max_bytes=28_000)
    big, small = finished_call("a", "x" * 28_000), finished_call("b", "Hello")
    for call in (big, small):
        answers.keep(call)
    assert answers.find(big.key) is None
    assert answers.find(small.key) is not None


async def test_only_the_fingerprint_of_a_prompt_is_kept() -> None:
    calls = CallRegistry(KEEP_S, Clock())
    history = tuple(Turn(role=Role.USER, text=f"turn {number}") for number in range(10_000))
    ended(calls, "a", prompt=Prompt(message="Hi", history=history))
    assert calls.kept.bytes < 4_000


async def test_kept_answers_use_as_much_memory_as_is_counted() -> None:
    relay = create_relay(ScriptedProvider([OPENING, *[Text("token ")] * 500, ENDING]))
    tracemalloc.start()
    try:
        for number in range(40):
            await streamed(relay, Prompt(message="x" * 10_000, request_id=f"request-{number}"))
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        relay._calls.kept.close()
        gc.collect()
        given_back = before - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    counted = 40 * (KEPT_BYTES + DELTA_BYTES + getsizeof("token " * 500))
    assert 0.5 * counted < given_back < counted


async def test_a_stopped_call_is_not_joined_and_its_end_leaves_its_successor_alone() -> None:
    calls = CallRegistry(KEEP_S, Clock())
    first, second = (Call(Key("alice", "a", Delivery.WHOLE), HI, "scripted") for _ in range(2))
    calls.add(first)
    first.stop(Cancelled())
    assert calls.find(first.key, HI) is None
    calls.add(second)
    calls.end(first, keep=True)
    assert calls.find(first.key, HI) is second
    assert len(calls) == 1


async def test_each_answer_that_is_dropped_for_age_or_room_is_reported() -> None:
    gone: list[Key] = []
    clock = Clock()
    answers = KeptAnswers(KEEP_S, clock, max_bytes=28_000, forgotten=gone.append)
    calls = [finished_call(name, "x" * 7_000) for name in "abcd"]
    for call in calls:
        answers.keep(call)
    assert gone == [calls[0].key]
    clock.now += KEEP_S
    assert answers.find(calls[1].key) is None
    assert gone == [call.key for call in calls]
    answers.close()
