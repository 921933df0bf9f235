"""More than text over every interface: the real programs, real clients, and a stand-in for OpenAI."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from tests.integration.test_doors import LIMIT_S, MODEL, Stack, open_stack
from tests.standins.exchange import Outcome, Received
from tests.standins.script import Call, Fault, FaultKind
from tests.support.doors import DOORS, Door, open_door, texts
from tests.support.refusal import Document, Refusal

pytestmark = pytest.mark.anyio

ONE, OTHER = Call(), Call(id="call_2", name="get_time", fragments=("{}",))
TOOLS = [{"name": call.name, "description": "", "input_schema": {"type": "object"}} for call in (ONE, OTHER)]
ARGUMENTS = {"city": "Ōsaka", "id": 9007199254740993}
ASKED: dict[str, Any] = {"message": "The weather?", "model": MODEL, "tools": TOOLS}
BREAKS = [FaultKind.CUT, FaultKind.RESET, FaultKind.NO_END, FaultKind.MALFORMED, FaultKind.ERROR_EVENT]


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with open_stack(tmp_path_factory.mktemp("content")) as opened:
        yield opened


@pytest.fixture(scope="module", params=DOORS)
async def door(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[Door]:
    async with open_door(request.param, stack.at) as opened:
        yield opened


async def call_door(door: Door, *, streamed: bool, **fields: Any) -> Document:
    if streamed:
        seen, finish = await texts(door, **fields)
        return {**finish, "text": "".join(seen)}
    answer = await door.whole(**fields)
    return {**answer, "text": answer["aiResponse"]}


def calls_of(answer: Document) -> list[tuple[str, str, Any]]:
    found = [part["tool_call"] for part in answer.get("parts", []) if "tool_call" in part]
    return [(call["id"], call["name"], call["arguments"]) for call in found]


both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


@both_ways
async def test_a_tool_loop_of_two_rounds(door: Door, stack: Stack, *, streamed: bool) -> None:
    stack.plays(words=("I look. ",), calls=(ONE,))
    first = await call_door(door, streamed=streamed, **ASKED)
    assert (first["finishReason"], first["text"]) == ("tool_calls", "I look. ")
    assert calls_of(first) == [(ONE.id, ONE.name, ARGUMENTS)]

    stack.plays(words=("Rain.",))
    call = next(part for part in first["parts"] if "tool_call" in part)
    history = [{"role": "user", "text": "The weather?"}, {"role": "assistant", "parts": [call]}]
    result = {"tool_result": {"tool_call_id": ONE.id, "content": [{"text": "5 °C and rain"}]}}
    again = {"message": "", "model": MODEL, "tools": TOOLS, "history": history, "parts": [result]}
    second = await call_door(door, streamed=streamed, **again)
    assert (second["finishReason"], second["text"]) == ("stop", "Rain.")
    _, said, answered = stack.provider.requests[-1].body["messages"]
    assert said["tool_calls"][0]["id"] == ONE.id
    assert "9007199254740993" in said["tool_calls"][0]["function"]["arguments"]
    assert answered == {"role": "tool", "tool_call_id": ONE.id, "content": "5 °C and rain"}


@both_ways
async def test_parallel_calls(door: Door, stack: Stack, *, streamed: bool) -> None:
    stack.plays(words=(), calls=(ONE, OTHER))
    answer = await call_door(door, streamed=streamed, **ASKED)
    assert calls_of(answer) == [(ONE.id, ONE.name, ARGUMENTS), (OTHER.id, OTHER.name, {})]
    assert answer["finishReason"] == "tool_calls"


@both_ways
async def test_an_image_and_a_schema_reach_the_provider(door: Door, stack: Stack, *, streamed: bool) -> None:
    stack.plays(words=('{"a": 1}',))
    data = base64.b64encode(bytes(range(256)) * 10).decode()
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"kind": "json_schema", "name": "n", "schema": schema}
    fields = {"message": "Look", "parts": [{"image": {"media_type": "image/png", "data": data}}]}
    answer = await call_door(door, streamed=streamed, model=MODEL, response_format=wanted, **fields)
    assert answer["text"] == '{"a": 1}'
    body = stack.provider.requests[-1].body
    assert body["messages"][-1]["content"][-1]["image_url"]["url"] == f"data:image/png;base64,{data}"
    assert body["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize("kind", BREAKS)
@both_ways
async def test_a_cut_during_arguments_is_an_error(door: Door, stack: Stack, kind: FaultKind, *, streamed: bool) -> None:
    stack.plays(words=(), calls=(ONE,), fault=Fault(kind=kind, after=1))
    with pytest.raises(Refusal) as refusal:
        await call_door(door, streamed=streamed, **ASKED)
    expected = "PROVIDER_UNAVAILABLE" if kind is FaultKind.ERROR_EVENT else "PROVIDER_PROTOCOL"
    assert refusal.value.reason == expected


async def hanging_within_arguments(stack: Stack, before: int) -> Received:
    """Waits until the provider has sent part of a call's arguments and then stops."""
    async with asyncio.timeout(LIMIT_S):
        while len(stack.provider.requests) == before:
            await stack.provider.next_request()
        await stack.provider.requests[-1].spoke.wait()
    return stack.provider.requests[-1]


@both_ways
async def test_cancel_during_a_tool_call_closes_the_providers_connection(
    door: Door, stack: Stack, *, streamed: bool
) -> None:
    before = len(stack.provider.requests)
    stack.plays(words=(), calls=(ONE,), fault=Fault(kind=FaultKind.HANG_DURING, after=1))
    name = f"cancel-{before}"
    asking = asyncio.create_task(call_door(door, streamed=streamed, request_id=name, **ASKED))
    request = await hanging_within_arguments(stack, before)
    async with RelayClient(Dial(target=stack.at.server_b)) as client:
        assert await client.cancel(name)
    answer = await asking
    assert answer["finishReason"] == "cancelled"
    assert calls_of(answer) == []  # an unfinished call is not returned
    assert await request.ended() is Outcome.DISCONNECTED


@both_ways
async def test_leaving_during_a_tool_call_closes_the_providers_connection(
    door: Door, stack: Stack, *, streamed: bool
) -> None:
    before = len(stack.provider.requests)
    stack.plays(words=(), calls=(ONE,), fault=Fault(kind=FaultKind.HANG_DURING, after=1))
    asking = asyncio.create_task(call_door(door, streamed=streamed, **ASKED))
    request = await hanging_within_arguments(stack, before)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert await request.ended() is Outcome.DISCONNECTED


@pytest.fixture(scope="module")
async def hasty_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with open_stack(tmp_path_factory.mktemp("hasty"), TIMEOUT_SECONDS="1") as opened:
        yield opened


@pytest.mark.parametrize("name", [name for name in DOORS if "stdio" not in name])
async def test_the_deadline_ends_a_tool_call(hasty_stack: Stack, name: str) -> None:
    hasty_stack.plays(words=(), calls=(ONE,), fault=Fault(kind=FaultKind.HANG_DURING, after=1))
    async with open_door(name, hasty_stack.at, timeout_s=1) as door, asyncio.timeout(LIMIT_S):
        with pytest.raises(Refusal) as refusal:
            await texts(door, **ASKED)
    assert refusal.value.reason == "DEADLINE_EXCEEDED"
    assert await hasty_stack.provider.requests[-1].ended() is Outcome.DISCONNECTED
