"""Streams that are damaged at random: a reported success is true wherever the damage can be detected."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import FULL, RecordFault
from tests.field import events, wire
from tests.field.calls import WAYS
from tests.field.conftest import BEDROCK, OPENAI
from tests.field.field import Field, open_field
from tests.support.mutations import MUTATIONS, readable_text

pytestmark = pytest.mark.anyio

SEED = 20_261_125
WORDS = ("The ", "relay", " carries", " wörds", ', \\ and "quotes"', "\n", "€😀", ".")
TRUTH = "".join(WORDS)
OPENAI_STREAM = b"".join(
    [wire.ROLE, *(wire.event(wire.chunk({"content": word}, logprobs=None)) for word in WORDS), wire.END]
)
BEDROCK_STREAM = b"".join([events.START, *map(events.text, WORDS), events.END])
PROVIDERS_OWN = {
    "PROVIDER_PROTOCOL",
    "PROVIDER_UNAVAILABLE",
    "PROVIDER_REJECTED",
    "PROVIDER_RATE_LIMITED",
    "PROVIDER_AUTH",
}
AT_ONCE = 16


async def play(
    field: Field, count: int, truth: bytes, steps: Callable[[bytes], object], record_fault: RecordFault
) -> list[str]:
    """Plays `count` mutations of a stream; returns a line for each with a wrong outcome."""
    chance, room, wrong = random.Random(SEED), asyncio.Semaphore(AT_ONCE), []

    async def one(number: int, name: str, damaged: bytes, way: str) -> None:
        model = f"mutation-{number}"
        field.provider.scripts[model] = (steps(damaged),)  # type: ignore[assignment]
        async with room:
            began = time.monotonic()
            told = await field.call(way, {"message": "Hi", "model": model})
        reason = told.facts["reason"]
        record_fault(fault=f"{name} in a stream", door=way, outcome=reason or "OK", seconds=time.monotonic() - began)
        if reason not in PROVIDERS_OWN and (reason or told.facts["text"] not in (TRUTH, readable_text(damaged))):
            wrong.append(f"{number} {name}: {told}\n{damaged!r}")

    mutated = [
        (kind.__name__.replace("_", " "), kind(chance, truth), chance.choice(list(WAYS)))
        for kind in MUTATIONS * (count // len(MUTATIONS))
    ]
    await asyncio.gather(*(one(number, *each) for number, each in enumerate(mutated)))
    return wrong


def in_pieces(data: bytes) -> tuple[bytes, ...]:
    """Splits bytes into pieces of different lengths."""
    chance, pieces = random.Random(len(data)), []
    while data:
        size = chance.randint(1, 200)
        pieces.append(data[:size])
        data = data[size:]
    return tuple(pieces)


async def test_a_damaged_openai_stream_is_never_a_false_success(record_fault: RecordFault) -> None:
    assert readable_text(OPENAI_STREAM) == TRUTH
    async with open_field(**OPENAI) as field:
        wrong = await play(
            field, 1200 if FULL else 160, OPENAI_STREAM, lambda data: wire.in_chunks(*in_pieces(data)), record_fault
        )
    assert not wrong, "\n\n".join(wrong)


async def test_a_damaged_bedrock_stream_is_never_a_false_success(record_fault: RecordFault) -> None:
    async with open_field(**BEDROCK) as field:
        wrong = await play(
            field, 1000 if FULL else 160, BEDROCK_STREAM, lambda data: events.stream(*in_pieces(data)), record_fault
        )
    assert not wrong, "\n\n".join(wrong)
