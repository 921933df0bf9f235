"""A provider that fails, at every door: the contract's reason, in time, and never a short answer that looks whole."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass

import pytest

from tests.faults.conftest import FULL, Saw
from tests.standins.bedrock import BedrockStandIn
from tests.standins.exchange import Outcome
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script
from tests.standins.server import StandIn
from tests.support.doors import DOORS, Addresses, Door, Refusal, open_door
from tests.support.programs import Program, running
from tests.support.provider_cases import BEDROCK, LARGE, MANY, OPENAI, OPENAI_ELSEWHERE, WORDS, Case

pytestmark = pytest.mark.anyio

DEADLINE_S = 20 if FULL else 4
"""Of every program; a test's own patience is longer by what a busy machine takes."""
SILENCE_S = "15" if FULL else "2"
LIMIT_S = 60.0
HASTE_S = 1.0
FRONTS = {"TIMEOUT_SECONDS": str(DEADLINE_S)}
SERVER_B = {"GRPC_PORT": "0", "RETRY_ATTEMPTS": "1", "FIRST_TOKEN_SECONDS": SILENCE_S, "TOKEN_GAP_SECONDS": SILENCE_S}

whole_or_streamed = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


@dataclass(frozen=True)
class Providing:
    """A stand-in for a provider, with the doors that lead to it."""

    name: str
    standin: StandIn
    doors: Mapping[str, Door]
    at: Addresses


@dataclass(frozen=True)
class Programs:
    """Starts the programs, side by side."""

    stack: contextlib.AsyncExitStack
    folder: object

    async def start(self, *arguments: str, **settings: str) -> Program:
        program = running(self.folder, *arguments, **settings)  # type: ignore[arg-type]
        return await self.stack.enter_async_context(program)


async def _openai(stack: contextlib.AsyncExitStack, programs: Programs) -> Providing:
    standin = await stack.enter_async_context(OpenAIStandIn())
    own = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "sk-canary", "OPENAI_BASE_URL": standin.base_url}
    server_b = await programs.start("server_b", **SERVER_B, **own)
    dial = {"SERVER_B_TARGET": server_b.address, **FRONTS}
    gateway, mcp_http, mcp_sse = await asyncio.gather(
        programs.start("gateway", HTTP_PORT="0", **dial),
        programs.start("server_a", "http", MCP_PORT_A="0", **dial),
        programs.start("server_a", "sse", MCP_PORT_A="0", **dial),
    )
    at = Addresses(server_b.address, gateway.address, mcp_http.address, mcp_sse.address, programs.folder, FRONTS)  # type: ignore[arg-type]
    return Providing("OpenAI", standin, {}, at)


async def _bedrock(stack: contextlib.AsyncExitStack, programs: Programs) -> Providing:
    standin = await stack.enter_async_context(BedrockStandIn())
    own = {
        "AI_PROVIDER": "bedrock",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "canary",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": standin.url,
    }
    server_b = await programs.start("server_b", **SERVER_B, **own)
    gateway = await programs.start("gateway", HTTP_PORT="0", SERVER_B_TARGET=server_b.address, **FRONTS)
    at = Addresses(server_b.address, gateway.address, "", "", programs.folder)  # type: ignore[arg-type]
    return Providing("Bedrock", standin, {}, at)


@pytest.fixture(scope="module")
async def providing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Providing]]:
    """Both providers: OpenAI behind every door, Bedrock behind gRPC and the gateway."""
    async with contextlib.AsyncExitStack() as stack:
        programs = Programs(stack, tmp_path_factory.mktemp("providers"))
        openai, bedrock = await asyncio.gather(_openai(stack, programs), _bedrock(stack, programs))
        opened = {}
        for one, names in ((openai, DOORS), (bedrock, ("grpc", "http"))):
            # Opened by the task that closes them, as anyio wants.
            doors = {
                name: await stack.enter_async_context(open_door(name, one.at, timeout_s=DEADLINE_S)) for name in names
            }
            opened[one.name] = Providing(one.name, one.standin, doors, one.at)
        yield opened


async def _asked(door: Door, said: str, *, streamed: bool, model: str) -> Refusal | None:
    """Asks once; returns the refusal, or None for all that was said."""
    seen: list[str] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            if streamed:
                await door.stream(seen.append, message="Hi", model=model)
            else:
                seen.append((await door.whole(message="Hi", model=model))["aiResponse"])
    except Refusal as refusal:
        assert said.startswith("".join(seen)), "told something else before it failed"
        return refusal
    assert "".join(seen) == said, "a short answer that looks whole"
    return None


@dataclass(frozen=True)
class Injection:
    """A fault that is being injected, and who notes what the doors see of it."""

    fault: str
    saw: Saw

    async def seen_by(
        self, doors: Mapping[str, Door], said: str, *, streamed: bool, model: str = "gpt-4o"
    ) -> dict[str, Refusal | None]:
        """Asks every door at once."""

        async def ask(name: str, door: Door) -> Refusal | None:
            begun_at = asyncio.get_running_loop().time()
            refusal = await _asked(door, said, streamed=streamed, model=model)
            outcome = "the whole answer" if refusal is None else refusal.reason
            seconds = asyncio.get_running_loop().time() - begun_at
            self.saw(fault=self.fault, door=name, saw=outcome, seconds=seconds)
            return refusal

        return dict(zip(doors, await asyncio.gather(*(ask(*one) for one in doors.items())), strict=True))


def _expect(refusals: Mapping[str, Refusal | None], reason: str | None) -> None:
    reasons = {door: refusal and refusal.reason for door, refusal in refusals.items()}
    assert reasons == dict.fromkeys(refusals, reason)


def _passed_on(door: str, refusal: Refusal, case: Case) -> bool:
    """Tells whether the door passed on how long to wait."""
    if case.retry_after_s is None:
        return refusal.retry_after_s is None
    expected = math.ceil(case.retry_after_s) if door == "http" else case.retry_after_s
    told = refusal.retry_after_s is not None and expected - case.within_s <= refusal.retry_after_s <= expected
    in_words = not door.startswith("mcp") or f"after {math.ceil(refusal.retry_after_s or 0)} s" in refusal.text
    return told and in_words


CASES = [
    *(("OpenAI", fault, case) for fault, case in OPENAI.items()),
    *(("OpenAI", fault, case) for fault, case in OPENAI_ELSEWHERE.items() if FULL),
    *(("Bedrock", fault, case) for fault, case in BEDROCK.items()),
]


@whole_or_streamed
@pytest.mark.parametrize(("provider", "fault", "case"), CASES, ids=[f"{name}, {fault}" for name, fault, _ in CASES])
async def test_every_door_tells_a_fault_by_the_contract(
    providing: dict[str, Providing],
    provider: str,
    fault: str,
    case: Case,
    streamed: bool,
    saw: Saw,
    rounds: Callable[[int], int],
) -> None:
    one = providing[provider]
    one.standin.script = case.script
    for _ in range(rounds(10) // 2):
        refusals = await Injection(f"{provider}: {fault}", saw).seen_by(one.doors, "".join(WORDS), streamed=streamed)
        _expect(refusals, case.reason)
        silent = [name for name, refusal in refusals.items() if refusal and not _passed_on(name, refusal, case)]
        assert silent == [], "did not pass the time to wait on"


@whole_or_streamed
@pytest.mark.parametrize("provider", ["OpenAI", "Bedrock"])
async def test_a_provider_that_is_not_there_is_unavailable_and_found_again(
    providing: dict[str, Providing], provider: str, streamed: bool, saw: Saw
) -> None:
    one = providing[provider]
    one.standin.script = Script(words=WORDS)
    injection = Injection(f"{provider}: connection refused", saw)
    async with one.standin.away():
        _expect(await injection.seen_by(one.doors, "", streamed=streamed), "PROVIDER_UNAVAILABLE")
    assert await _asked(one.doors["grpc"], "".join(WORDS), streamed=streamed, model="gpt-4o") is None


SILENCES = [
    ("hang before the first byte", FaultKind.HANG, 0),
    ("hang after the headers", FaultKind.HANG_HEADERS, 0),
    ("hang amid", FaultKind.HANG_AMID, 2),
]


def _hangs(
    one: Providing, doors: Mapping[str, Door], saw: Saw, *, streamed: bool, until: str
) -> list[Coroutine[None, None, dict[str, Refusal | None]]]:
    """Has the provider keep silent in each way, by the model's name, and returns what asks every door for each."""
    asking = []
    for fault, kind, after in SILENCES:
        model = f"{kind.value}-{streamed}"
        one.standin.scripts[model] = Script(words=WORDS, fault=Fault(kind=kind, after=after))
        way = "stream" if streamed else "whole"
        injection = Injection(f"{one.name}: {fault} ({way}), until {until}", saw)
        asking.append(injection.seen_by(doors, "".join(WORDS), streamed=streamed, model=model))
    return asking


async def _all_disconnected(standin: StandIn, begun: int, count: int) -> None:
    outcomes = [await request.ended() for request in standin.requests[begun:]]
    assert outcomes == [Outcome.DISCONNECTED] * count


async def test_silence_ends_a_stream_by_the_relays_patience_and_a_whole_answer_by_the_deadline(
    providing: dict[str, Providing], saw: Saw
) -> None:
    both = list(providing.values())
    begun = [len(one.standin.requests) for one in both]
    streams, wholes = (
        [asking for one in both for asking in _hangs(one, one.doors, saw, streamed=streamed, until=until)]
        for streamed, until in ((True, "the relay's patience"), (False, "the deadline"))
    )
    seen = await asyncio.gather(*streams, *wholes)
    for place, refusals in enumerate(seen):
        _expect(refusals, "PROVIDER_UNAVAILABLE" if place < len(streams) else "DEADLINE_EXCEEDED")
    for one, number in zip(both, begun, strict=True):
        await _all_disconnected(one.standin, number, 2 * len(SILENCES) * len(one.doors))


async def test_a_callers_deadline_ends_a_silent_call_to_bedrock(providing: dict[str, Providing], saw: Saw) -> None:
    one = providing["Bedrock"]
    begun = len(one.standin.requests)
    async with contextlib.AsyncExitStack() as stack:
        doors = {
            name: await stack.enter_async_context(open_door(name, one.at, timeout_s=HASTE_S)) for name in one.doors
        }
        until = f"the caller's deadline of {HASTE_S:g} s"
        asking = [way for streamed in (True, False) for way in _hangs(one, doors, saw, streamed=streamed, until=until)]
        for refusals in await asyncio.gather(*asking):
            _expect(refusals, "DEADLINE_EXCEEDED")
    await _all_disconnected(one.standin, begun, len(asking) * len(doors))


@whole_or_streamed
@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("provider", ["OpenAI", "Bedrock"])
async def test_large_answers_arrive_whole(
    providing: dict[str, Providing], provider: str, size: str, streamed: bool, saw: Saw
) -> None:
    one = providing[provider]
    one.standin.script = LARGE[size]
    for name, door in one.doors.items():
        if name.startswith(("mcp-sse", "mcp-http")) and size == "a token of 1 MB":
            continue  # the MCP SDK's client takes server-sent events of 1 MiB, and a result bears its text twice
        named = f"{provider}: {size}".replace("many", f"{MANY:,}")
        refusals = await Injection(named, saw).seen_by({name: door}, LARGE[size].text, streamed=streamed)
        _expect(refusals, None)
