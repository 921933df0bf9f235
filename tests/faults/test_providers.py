"""A provider that fails, at every door: the contract's reason, and never a cut answer that looks complete."""

import math
from collections.abc import AsyncIterator, Callable

import pytest

from tests.faults.conftest import FULL, RecordFault
from tests.standins.script import Script
from tests.support.provider_cases import BEDROCK, LARGE, MANY, OPENAI, OPENAI_ELSEWHERE, WORDS, Case
from tests.support.providing import Injection, Providing, asked, expect, open_providing
from tests.support.refusal import Refusal

pytestmark = pytest.mark.anyio

whole_or_streamed = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
async def providing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Providing]]:
    """Both providers: OpenAI behind every door, Bedrock behind gRPC and the gateway."""
    async with open_providing(tmp_path_factory.mktemp("providers")) as opened:
        yield opened


def _passed_on(door: str, refusal: Refusal, case: Case) -> bool:
    """Returns whether the door passed on how long to wait."""
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
async def test_every_door_reports_a_fault_as_the_contract_says(
    providing: dict[str, Providing],
    provider: str,
    fault: str,
    case: Case,
    streamed: bool,
    record_fault: RecordFault,
    rounds: Callable[[int], int],
) -> None:
    one = providing[provider]
    one.standin.script = case.script
    for _ in range(rounds(10) // 2):
        refusals = await Injection(f"{provider}: {fault}", record_fault).seen_by(
            one.doors, "".join(WORDS), streamed=streamed
        )
        expect(refusals, case.reason)
        silent = [name for name, refusal in refusals.items() if refusal and not _passed_on(name, refusal, case)]
        assert silent == [], "did not pass on the time to wait"


@whole_or_streamed
@pytest.mark.parametrize("provider", ["OpenAI", "Bedrock"])
async def test_a_provider_that_is_down_is_unavailable_and_used_again_once_it_is_up(
    providing: dict[str, Providing], provider: str, streamed: bool, record_fault: RecordFault
) -> None:
    one = providing[provider]
    one.standin.script = Script(words=WORDS)
    injection = Injection(f"{provider}: connection refused", record_fault)
    async with one.standin.away():
        expect(await injection.seen_by(one.doors, "", streamed=streamed), "PROVIDER_UNAVAILABLE")
    assert await asked(one.doors["grpc"], "".join(WORDS), streamed=streamed, model="gpt-4o") is None


@whole_or_streamed
@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("provider", ["OpenAI", "Bedrock"])
async def test_large_answers_arrive_whole(
    providing: dict[str, Providing], provider: str, size: str, streamed: bool, record_fault: RecordFault
) -> None:
    one = providing[provider]
    one.standin.script = LARGE[size]
    for name, door in one.doors.items():
        if name.startswith(("mcp-sse", "mcp-http")) and size == "a token of 1 MB":
            continue  # the MCP SDK's client accepts server-sent events of 1 MiB, and a result contains its text twice
        named = f"{provider}: {size}".replace("many", f"{MANY:,}")
        refusals = await Injection(named, record_fault).seen_by({name: door}, LARGE[size].text, streamed=streamed)
        expect(refusals, None)
