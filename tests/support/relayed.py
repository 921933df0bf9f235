"""Calling a Relay directly, without a wire in between."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from llm_relay.messages import Answer, Cost, Delta, Event, Finished, FinishReason, Prompt, Usage
from server_b.core.relay import Relay

HI = Prompt(message="Hi", request_id="id-1")
FINISHED = Finished(
    finish_reason=FinishReason.STOP,
    model="model",
    usage=Usage(),
    cost=Cost(),
    completed_at=datetime.now(UTC),
    duration_s=1,
    sequence=2,
)


def stream(relay: Relay, prompt: Prompt = HI, caller: str = "alice") -> AsyncGenerator[Event, None]:
    return relay.stream_process(prompt, caller=caller)


async def streamed(relay: Relay, prompt: Prompt = HI, caller: str = "alice") -> list[Event]:
    return [event async for event in stream(relay, prompt, caller)]


async def whole(relay: Relay, prompt: Prompt = HI, caller: str = "alice") -> Answer:
    return await relay.process(prompt, caller=caller)


def last(events: list[Event]) -> Finished:
    """Returns the end of a stream."""
    assert isinstance(events[-1], Finished)
    return events[-1]


def text(events: list[Event]) -> str:
    """Returns the text of a stream."""
    return "".join(event.text for event in events if isinstance(event, Delta))


async def a_few_turns() -> None:
    """Lets every task that can continue do so."""
    for _ in range(20):
        await asyncio.sleep(0)
