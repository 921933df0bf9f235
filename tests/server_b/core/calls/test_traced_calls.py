"""A call and its attempts in a trace: the spans, with and without a recorder in this process."""

import time

import pytest

from llm_relay.errors import ProviderRejected
from llm_relay.messages import Prompt
from llm_relay.trace_context import TraceContext, current_trace, set_current_trace
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery, Key

pytestmark = pytest.mark.anyio

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def call_under(trace: TraceContext | None) -> Call:
    """Makes a call whose provider was called twice in one attempt, and then once more."""
    set_current_trace(trace)
    call = Call(Key("ann", "r-1", Delivery.WHOLE), Prompt(message="Hi"), "openai")
    call.begin_attempt(1, "openai", "gpt-4o")
    call.note_asked_before([ProviderRejected()])
    call.end_attempt()
    call.begin_attempt(2, "openai", "gpt-4o")
    return call


async def test_every_attempt_is_a_separate_span_below_the_calls() -> None:
    call = call_under(TraceContext(TRACE, SPAN, began_ns=time.time_ns()))
    assert call.trace is not None
    spans = [attempt.trace for attempt in call.attempts if attempt.trace is not None]
    assert len({SPAN, call.trace.span_id, *(span.span_id for span in spans)}) == 5
    assert call.trace.parent_id == SPAN
    assert {span.parent_id for span in spans} == {call.trace.span_id}
    assert {span.trace_id for span in (call.trace, *spans)} == {TRACE}
    assert current_trace() == spans[-1]


async def test_without_recorded_spans_every_attempt_belongs_to_the_callers_span() -> None:
    given = TraceContext(TRACE, SPAN)
    call = call_under(given)
    assert {call.trace, *(attempt.trace for attempt in call.attempts)} == {given}


async def test_without_a_trace_there_is_no_span() -> None:
    call = call_under(None)
    assert call.trace_id == ""
    assert [attempt.trace for attempt in call.attempts] == [None] * 3
