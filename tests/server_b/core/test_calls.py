"""Kept answers are kept for a time, within bounds."""

import pytest

from llm_relay.messages import Prompt
from server_b.core import calls as calls_module
from server_b.core.call import Call, Key, Kind
from server_b.core.calls import Calls
from tests.support.relayed import FINISHED, HI

pytestmark = pytest.mark.anyio

KEEP_S = 300.0


class Clock:
    """Shows the time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ended(calls: Calls, name: str, *, answer: str = "", prompt: Prompt = HI, keep: bool = True) -> Call:
    """Adds a call that has run and ended."""
    call = Call(Key("alice", name, Kind.WHOLE), prompt, "scripted")
    calls.add(call)
    call.start("a-model")
    if answer:
        call.add(answer)
    call.finish(FINISHED)
    calls.end(call, keep=keep)
    return call


def kept(calls: Calls, call: Call) -> str | None:
    """Returns the text that is kept of a call, if it is."""
    found = calls.find(call.key, call.prompt)
    return None if found is None else found.text


async def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    clock = Clock()
    calls = Calls(KEEP_S, clock)
    call = ended(calls, "a", answer="Hello")
    clock.now += KEEP_S - 1
    assert kept(calls, call) == "Hello"
    clock.now += 1
    assert kept(calls, call) is None


async def test_a_call_that_did_not_end_well_is_not_kept() -> None:
    calls = Calls(KEEP_S, Clock())
    assert kept(calls, ended(calls, "a", keep=False)) is None
    assert len(calls) == 0


async def test_the_oldest_answers_go_first_when_there_are_too_many() -> None:
    calls = Calls(KEEP_S, Clock())
    third = "x" * (calls_module.MAX_KEPT_CHARS // 3)
    first, second, last = (ended(calls, name, answer=third) for name in "abc")
    assert kept(calls, first) is None
    assert kept(calls, second) == kept(calls, last) == third


async def test_long_prompts_count_too() -> None:
    calls = Calls(KEEP_S, Clock())
    long = "x" * (calls_module.MAX_KEPT_CHARS // 2)
    first = ended(calls, "a", prompt=Prompt(message=long))
    last = ended(calls, "b", prompt=Prompt(message="Hi", context=long))
    assert kept(calls, first) is None
    assert kept(calls, last) == ""


async def test_a_call_over_the_bound_is_not_kept_and_room_is_left_for_others() -> None:
    calls = Calls(KEEP_S, Clock())
    big = ended(calls, "a", prompt=Prompt(message="x" * (calls_module.MAX_KEPT_CHARS + 1)))
    small = ended(calls, "b", answer="Hello")
    assert kept(calls, big) is None
    assert kept(calls, small) == "Hello"


async def test_an_aborted_call_is_not_joined_and_its_end_leaves_its_successor_alone() -> None:
    calls = Calls(KEEP_S, Clock())
    first, second = (Call(Key("alice", "a", Kind.WHOLE), HI, "scripted") for _ in range(2))
    calls.add(first)
    first.join(deadline=0)
    first.leave()
    assert calls.find(first.key, HI) is None
    calls.add(second)
    calls.end(first, keep=True)
    assert calls.find(first.key, HI) is second
