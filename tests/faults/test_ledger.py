"""Money with the real programs: budgets hold, the book equals the provider's log, and kill -9 loses nothing.

`python -m scripts.ledger_proof` is the long form of the last two.
"""

import asyncio
import contextlib
import itertools
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import BudgetExceeded, RelayError
from llm_relay.messages import Prompt
from scripts.ledger_proof.book import Book, until_settled
from scripts.ledger_proof.callers import Reply
from scripts.ledger_proof.equality import prove
from scripts.ledger_proof.estimates import estimate
from scripts.ledger_proof.findings import findings
from scripts.ledger_proof.kills import kill_and_look
from scripts.ledger_proof.provider import INPUT_NANO, MOST_TOKENS, OUTPUT_NANO, BillingProvider
from scripts.ledger_proof.world import FILE, put_budget, server_b

pytestmark = pytest.mark.anyio

CALLERS = 50
BOUND = (len("call race-00") + 16) * INPUT_NANO + MOST_TOKENS * OUTPUT_NANO
PATIENCE_S = 60.0


async def ask(client: RelayClient, key: str) -> Reply:
    prompt = Prompt(message=f"call {key}", request_id=key, max_tokens=MOST_TOKENS)
    try:
        answer = await client.process(prompt)
    except RelayError as error:
        return Reply(error.reason, error.spent.cost.nano_usd if error.spent else None)
    return Reply("", answer.finished.cost.nano_usd)


async def use_up(client: RelayClient) -> BudgetExceeded:
    """Calls until the budget is used up."""
    for number in itertools.count():
        key = f"race-more-{number:02}"
        try:
            await client.process(Prompt(message=f"call {key}", request_id=key, max_tokens=MOST_TOKENS))
        except BudgetExceeded as error:
            return error
    raise AssertionError


@pytest.mark.parametrize("workers", ["1", "3"])
async def test_no_number_of_callers_exceeds_a_budget_and_refused_calls_reach_no_provider(
    workers: str, tmp_path: Path
) -> None:
    limit = 10 * BOUND
    async with BillingProvider(Random(1), faulty=0) as provider:
        async with server_b(tmp_path, provider, WORKERS=workers) as program, contextlib.AsyncExitStack() as stack:
            await put_budget(program.address, limit_nano_usd=limit)
            # Each client has its own connection, so that every worker gets some.
            clients = [
                await stack.enter_async_context(RelayClient(Dial(target=program.address))) for _ in range(CALLERS)
            ]
            keys = [f"race-{number:02}" for number in range(CALLERS)]
            replies = await asyncio.gather(*(ask(client, key) for client, key in zip(clients, keys, strict=True)))
            refused = await use_up(clients[0])
            await until_settled(tmp_path / FILE, within_s=PATIENCE_S)
        book = Book.read(tmp_path / FILE)
        assert list(findings(book, provider, {key: [one] for key, one in zip(keys, replies, strict=True)})) == []
    reasons = {key: one.reason for key, one in zip(keys, replies, strict=True)}
    assert set(reasons.values()) == {"", "BUDGET_EXCEEDED"}
    assert {key for key, reason in reasons.items() if not reason} == {*keys} & provider.bills.keys()
    assert limit - 2 * BOUND < book.spent <= limit
    assert (refused.scope, refused.limit_nano_usd, refused.spent_nano_usd) == ("caller:anonymous", limit, book.spent)
    assert (refused.reserved_nano_usd, refused.resets_at) == (0, None)
    assert (refused.spent, refused.may_have_worked) == (None, False)


async def test_callers_who_leave_at_any_moment_leave_nothing_reserved(tmp_path: Path) -> None:
    replies: dict[str, list[Reply]] = defaultdict(list)

    async def leave_after(client: RelayClient, key: str, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                replies[key].append(await ask(client, key))

    async with BillingProvider(Random(2), faulty=0) as provider:
        async with server_b(tmp_path, provider) as program, RelayClient(Dial(target=program.address)) as client:
            await put_budget(program.address, limit_nano_usd=10**12)
            for number in range(60):
                leaving = (leave_after(client, f"leave-{number}-{other}", number / 1000) for other in range(3))
                await asyncio.gather(*leaving)
            await until_settled(tmp_path / FILE, within_s=PATIENCE_S)
        book = Book.read(tmp_path / FILE)
        assert list(findings(book, provider, replies)) == []
    assert any(row.outcome == "CANCELLED" for row in book.all)
    assert any(row.outcome == "stop" for row in book.all)


async def test_the_book_equals_the_providers_log_over_every_interface(tmp_path: Path) -> None:
    outcome = await prove(tmp_path, calls=100, seed=11)
    assert outcome.findings == []
    assert outcome.exact > 30
    assert {"", "PROVIDER_PROTOCOL"} <= outcome.ends.keys()


async def test_a_server_that_is_killed_loses_no_call_and_leaves_none_open(tmp_path: Path) -> None:
    wrong, book = await kill_and_look(tmp_path, cycles=2, seed=3)
    assert wrong == []
    states = {row.state for row in book.all}
    assert {"settled", "lost"} <= states
    lost = [row for row in book.all if row.state == "lost"]
    assert all(row.nano_usd is None and row.charged_nano_usd == row.reserved_nano_usd for row in lost)


async def test_calls_whose_usage_never_arrives_are_marked_as_estimates_near_the_truth(tmp_path: Path) -> None:
    wrong, accuracies, shares = await estimate(tmp_path, calls=60, seed=1)
    assert wrong == []
    assert accuracies["estimated"] >= len(shares) > 30
