"""A caller who leaves stops the provider, in all four ways of calling, and pays for nothing after that."""

import asyncio
import contextlib

import pytest

from tests.field import events
from tests.field.calls import WAYS
from tests.field.field import Field
from tests.field.provider import Hold, Steps
from tests.field.wire import HELLO, chunked, head

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0
WORKING: dict[str, Steps] = {
    "before the head": (Hold(),),
    "after the head": (head(200, "text/event-stream", "Transfer-Encoding: chunked"), Hold()),
    "after some text": (
        head(200, "text/event-stream", "Transfer-Encoding: chunked") + chunked(HELLO, last=b""),
        Hold(),
    ),
    "within a chunk": (head(200, "text/event-stream", "Transfer-Encoding: chunked") + b"fff\r\n" + HELLO, Hold()),
    "within a whole answer": (head(200, "application/json", "Content-Length: 999") + b'{"choices":[', Hold()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", WORKING)
async def test_a_caller_who_leaves_stops_the_provider(openai: Field, way: str, moment: str) -> None:
    await _leave(openai, way, f"left {moment} {way}".replace(" ", "-"), WORKING[moment])


@pytest.mark.parametrize("way", WAYS)
async def test_a_caller_who_leaves_stops_bedrock(bedrock: Field, way: str) -> None:
    await _leave(bedrock, way, f"left-{way}", events.stream(events.HELLO, last=b"", then=(Hold(),)))


async def _leave(field: Field, way: str, model: str, steps: Steps) -> None:
    field.provider.scripts[model] = (steps,)
    call = asyncio.create_task(field.call(way, {"message": "Hi", "model": model}))
    async with asyncio.timeout(LIMIT_S):
        await field.provider.asked[model].wait()
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        await field.provider.left[model].wait()
