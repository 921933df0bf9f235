"""One behaviour at every door: the real programs, real clients, and a stand-in that speaks the provider's protocol."""

import asyncio
import base64
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from tests.standins.exchange import Outcome
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script, Usage
from tests.support.doors import DOORS, Addresses, Door, open_door, texts, until_first_text
from tests.support.programs import running
from tests.support.refusal import Refusal

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0
MODEL = "gpt-4o"
KEY = "sk-canary-3141592653"
WORDS = ("The ", "relay ", "carries ", "wörds", ".")
PRICED = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=200)


@dataclasses.dataclass(frozen=True)
class Stack:
    """All the programs, and the provider behind them."""

    provider: OpenAIStandIn
    at: Addresses

    def plays(self, **script: object) -> None:
        """Sets the provider's next answer."""
        self.provider.script = Script(**{"words": WORDS, "usage": PRICED, **script})  # type: ignore[arg-type]

    def fails(self, kind: FaultKind, **fault: object) -> None:
        """Sets how the provider fails next."""
        self.plays(fault=Fault(kind=kind, **fault))  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def open_stack(folder: Path, **settings: str) -> AsyncIterator[Stack]:
    """Starts the provider, Server B, the gateway, and Server A over HTTP and SSE."""
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(OpenAIStandIn())
        server_b = await stack.enter_async_context(
            running(
                folder,
                "server_b",
                AI_PROVIDER="openai",
                OPENAI_API_KEY=KEY,
                OPENAI_BASE_URL=f"{provider.url}/v1",
                GRPC_PORT="0",
                RETRY_ATTEMPTS="1",
                **settings,
            )
        )
        dial = {"SERVER_B_TARGET": server_b.address, **settings}
        gateway, mcp_http, mcp_sse = [
            await stack.enter_async_context(started)
            for started in (
                running(folder, "gateway", HTTP_PORT="0", **dial),
                running(folder, "server_a", "http", MCP_PORT_A="0", **dial),
                running(folder, "server_a", "sse", MCP_PORT_A="0", **dial),
            )
        ]
        at = Addresses(server_b.address, gateway.address, mcp_http.address, mcp_sse.address, folder)
        yield Stack(provider, at)


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with open_stack(tmp_path_factory.mktemp("stack")) as opened:
        yield opened


@pytest.fixture(params=DOORS)
async def door(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[Door]:
    stack.plays()
    async with open_door(request.param, stack.at) as opened:
        yield opened


async def test_a_whole_answer_has_its_usage_and_not_the_price_of_openais_own_endpoint(door: Door, stack: Stack) -> None:
    answer = await door.whole(message="Hi", model=MODEL, request_id="whole-1")
    assert answer["status"] == "success"
    assert answer["aiResponse"] == "".join(WORDS)
    assert (answer["model"], answer["provider"], answer["finishReason"]) == (MODEL, "openai", "stop")
    assert answer["usage"] == {
        "promptTokens": 1000,
        "completionTokens": 100,
        "totalTokens": 1100,
        "cacheReadTokens": 200,
        "cacheWriteTokens": None,
        "reasoningTokens": None,
        "accuracy": "exact",
        "estimatedCost": None,
        "priceSource": None,
    }
    assert answer["requestId"] == "whole-1"


async def test_a_stream_is_the_text_and_then_one_finish(door: Door, stack: Stack) -> None:
    seen, finish = await texts(door, message="Hi", model=MODEL)
    assert "".join(seen) == "".join(WORDS)
    assert (finish["model"], finish["provider"], finish["finishReason"]) == (MODEL, "openai", "stop")
    assert finish["usage"]["estimatedCost"] is None


async def test_an_unknown_price_is_null_and_not_zero(door: Door) -> None:
    answer = await door.whole(message="Hi", model="home-made")
    assert answer["usage"]["totalTokens"] == 1100
    assert answer["usage"]["estimatedCost"] is None


async def test_the_whole_prompt_reaches_the_provider(door: Door, stack: Stack) -> None:
    before = len(stack.provider.requests)
    history = [{"role": "user", "text": "One?"}, {"role": "assistant", "text": "Two."}]
    await door.whole(message="Three?", context="Count.", history=history, model=MODEL, temperature=0.25, max_tokens=77)
    body = stack.provider.requests[before].body
    assert [(turn["role"], turn["content"]) for turn in body["messages"]] == [
        ("system", "Count."),
        ("user", "One?"),
        ("assistant", "Two."),
        ("user", "Three?"),
    ]
    assert (body["model"], body["temperature"], body["max_tokens"]) == (MODEL, 0.25, 77)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind=FaultKind.STATUS, status=429, headers={"retry-after": "7"}), "PROVIDER_RATE_LIMITED"),
        (Fault(kind=FaultKind.STATUS, status=500), "PROVIDER_UNAVAILABLE"),
        (Fault(kind=FaultKind.STATUS, status=401), "PROVIDER_AUTH"),
        (Fault(kind=FaultKind.STATUS, status=404), "UNKNOWN_MODEL"),
        (Fault(kind=FaultKind.STATUS, status=400), "PROVIDER_REJECTED"),
        (Fault(kind=FaultKind.CUT_BEFORE), "PROVIDER_UNAVAILABLE"),
        (Fault(kind=FaultKind.MALFORMED), "PROVIDER_PROTOCOL"),
    ],
    ids=["429", "500", "401", "404", "400", "cut before", "malformed"],
)
async def test_a_failure_before_the_first_token_has_its_reason(
    door: Door, stack: Stack, fault: Fault, reason: str, *, streamed: bool
) -> None:
    stack.plays(fault=fault)
    with pytest.raises(Refusal) as refusal:
        await (texts(door, message="Hi", request_id="r-1") if streamed else door.whole(message="Hi", request_id="r-1"))
    assert refusal.value.reason == reason
    assert refusal.value.request_id == "r-1"
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.RESET, FaultKind.NO_END, FaultKind.MALFORMED])
async def test_a_stream_that_the_provider_cuts_is_an_error_and_never_an_end(
    door: Door, stack: Stack, kind: FaultKind
) -> None:
    stack.plays(fault=Fault(kind=kind, after=3))
    seen: list[str] = []
    with pytest.raises(Refusal) as refusal:
        await door.stream(seen.append, message="Hi")
    assert refusal.value.reason == "PROVIDER_PROTOCOL"
    assert "".join(WORDS).startswith("".join(seen))


async def test_a_blank_message_is_refused_by_name(door: Door, stack: Stack) -> None:
    before = len(stack.provider.requests)
    with pytest.raises(Refusal) as refusal:
        await door.whole(message="  ")
    assert refusal.value.reason == "INVALID_REQUEST"
    assert "message" in refusal.value.text
    assert len(stack.provider.requests) == before


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_an_image_over_the_limit_is_too_large(door: Door, stack: Stack, *, streamed: bool) -> None:
    before = len(stack.provider.requests)
    image = {"media_type": "image/png", "data": base64.b64encode(bytes(20 * 2**20)).decode()}
    asked = {"message": "Look", "parts": [{"image": image}]}
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(Refusal) as refusal:
            await (texts(door, **asked) if streamed else door.whole(**asked))
    assert refusal.value.reason == "TOO_LARGE"
    assert len(stack.provider.requests) == before


async def test_a_caller_who_leaves_a_whole_answer_ends_the_provider_call(door: Door, stack: Stack) -> None:
    stack.fails(FaultKind.HANG)
    await _leaves(stack, asyncio.create_task(door.whole(message="Hi")))


async def test_a_caller_who_leaves_before_the_first_token_ends_the_provider_call(door: Door, stack: Stack) -> None:
    stack.fails(FaultKind.HANG_HEADERS)
    await _leaves(stack, asyncio.create_task(door.stream(print, message="Hi")))


async def test_a_caller_who_leaves_during_the_stream_ends_the_provider_call(door: Door, stack: Stack) -> None:
    stack.fails(FaultKind.HANG_DURING, after=2)
    await _leaves(stack, await until_first_text(door, message="Hi"))


async def _leaves(stack: Stack, task: asyncio.Task[object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not stack.provider.requests or stack.provider.requests[-1].closed.is_set():
            await stack.provider.next_request()
    request = stack.provider.requests[-1]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await request.ended() is Outcome.DISCONNECTED


async def test_cancel_ends_a_stream_softly_with_its_usage(door: Door, stack: Stack) -> None:
    stack.fails(FaultKind.HANG_DURING, after=2)
    stream = await until_first_text(door, message="Hi", model=MODEL, request_id="soft-1")
    async with RelayClient(Dial(target=stack.at.server_b)) as client:
        assert await client.cancel("soft-1")
    finish = await stream
    assert finish["finishReason"] == "cancelled"
    assert finish["usage"]["completionTokens"] > 0
    assert finish["usage"]["estimatedCost"] is None
    assert await stack.provider.requests[-1].ended() is Outcome.DISCONNECTED


async def test_split_characters_and_large_tokens_arrive_whole(door: Door, stack: Stack) -> None:
    word = "ß" * 50_000  # the MCP SDK's client accepts events of 1 MiB, and a result contains its text twice
    stack.plays(words=("ä", word, "…"), fault=Fault(kind=FaultKind.SPLIT_UTF8))
    seen, _ = await texts(door, message="Hi")
    assert "".join(seen) == f"ä{word}…"


@pytest.fixture(scope="module")
async def hasty_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with open_stack(tmp_path_factory.mktemp("hasty"), TIMEOUT_SECONDS="1") as opened:
        yield opened


@pytest.mark.parametrize("name", [name for name in DOORS if "stdio" not in name])
@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_DURING])
async def test_the_deadline_ends_the_provider_call(hasty_stack: Stack, name: str, kind: FaultKind) -> None:
    hasty_stack.plays(fault=Fault(kind=kind, after=0 if kind is FaultKind.HANG else 2))
    async with open_door(name, hasty_stack.at, timeout_s=1) as door, asyncio.timeout(LIMIT_S):
        with pytest.raises(Refusal) as refusal:
            await texts(door, message="Hi")
    assert refusal.value.reason == "DEADLINE_EXCEEDED"
    assert await hasty_stack.provider.requests[-1].ended() is Outcome.DISCONNECTED
