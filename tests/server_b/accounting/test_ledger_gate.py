"""The ledger records a call before the provider is called, and settles it afterwards; limits refuse it before."""

import asyncio
import contextlib
import uuid
from typing import Any

import pytest

from llm_relay.errors import (
    BudgetExceeded,
    InvalidRequest,
    LedgerUnavailable,
    PermissionDenied,
    PriceUnknown,
    ProviderAuth,
    ProviderProtocol,
    RateLimited,
    RelayError,
)
from llm_relay.messages import Accuracy, FinishReason, Options, Prompt, Usage
from llm_relay.messages.accounts import CallerAccount
from server_b.accounting.call_ids import new_call_id
from server_b.accounting.cost_bound import Estimate
from server_b.accounting.gate_without_ledger import GateWithoutLedger
from server_b.accounting.ledger_gate import LedgerGate
from server_b.core.relay import Relay
from server_b.pricing.operator_prices import OperatorPrices
from server_b.pricing.price_list import PriceList, UnknownPrices
from server_b.pricing.prices_setting import prices_from_text
from server_b.providers.base import Ending, Provider, Text
from server_b.providers.fallback import Fallback
from tests.support.books import MemoryBooks
from tests.support.chains import Named
from tests.support.relayed import HI, a_few_turns, streamed, whole
from tests.support.scripted import HELLO, OPENING, PATIENCE_S, ScriptedProvider, Step, away
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

PRICES = "*/*=1/10"
"""A dollar and ten a million tokens: a call of HI costs 5 + 3 * 10 microdollars."""
COST = 35_000
BOUND = (2 + 16) * 1_000 + 1_000 * 10_000


def prices(*names: str, text: str = PRICES) -> dict[str, PriceList]:
    return {name: OperatorPrices(name, UnknownPrices(), prices_from_text(text), lambda: ()) for name in names}


def relay_with(books: MemoryBooks, provider: Provider, *, text: str = PRICES) -> Relay:
    lists = prices(*provider.name.split(","), text=text)
    return create_relay(provider, prices=lists, gate=LedgerGate(books, provider, lists))


def limited(nano_usd: int, **more: Any) -> Prompt:
    return Prompt(message="Hi", options=Options(max_cost_nano_usd=nano_usd, **more))


async def test_a_call_is_recorded_with_its_bound_and_settled_with_its_usage() -> None:
    books = MemoryBooks(CallerAccount(name="alice", tags={"team": "a", "kind": "of-admin"}))
    relay = relay_with(books, ScriptedProvider())
    prompt = Prompt(message="Hi", request_id="id-1", options=Options(tags={"kind": "own", "job": "x"}))
    await relay.process(prompt, caller="gateway/alice", protocol="openai")
    ((call, end),) = books.settled.values()
    assert (call.id, call.request_id, call.caller, call.account) == (end.id, "id-1", "gateway/alice", "alice")
    assert (call.protocol, call.provider, call.model) == ("openai", "scripted", "scripted-model")
    assert call.tags == {"team": "a", "kind": "of-admin", "job": "x"}
    assert call.bound_nano_usd == BOUND
    assert (end.outcome, end.is_failed, end.accuracy, end.may_have_worked) == ("stop", False, "exact", True)
    assert (end.input_tokens, end.output_tokens, end.nano_usd) == (5, 3, COST)
    assert end.price_source == "PRICES */*"
    assert call.started_at <= end.ended_at
    (attempt,) = end.attempts
    assert (attempt.provider, attempt.model, attempt.outcome) == ("scripted", "scripted-model", "")
    assert attempt.ended_at is not None
    assert call.started_at <= attempt.started_at <= attempt.ended_at <= end.ended_at


def test_ids_are_uuids_of_version_7_in_the_order_of_time() -> None:
    ids = [new_call_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all((uuid.UUID(one).version, uuid.UUID(one).variant) == (7, uuid.RFC_4122) for one in ids)
    assert all(str(uuid.UUID(one)) == one for one in ids)
    assert [one[:13] for one in ids] == sorted(one[:13] for one in ids)


@pytest.mark.parametrize(
    ("script", "cost", "worked"),
    [([ProviderAuth()], 0, False), ([OPENING, Text("Hel"), ProviderProtocol()], "some", True)],
)
async def test_a_failed_call_is_settled_with_what_it_can_have_cost(
    script: list[Step], cost: int | str, worked: bool
) -> None:
    books = MemoryBooks()
    with pytest.raises(RelayError):
        await whole(relay_with(books, ScriptedProvider(script)))
    ((_, end),) = books.settled.values()
    assert (end.is_failed, end.may_have_worked) == (True, worked)
    assert (end.nano_usd or 0) > 0 if cost == "some" else end.nano_usd == cost


@pytest.mark.parametrize(("estimate", "is_warned_of"), [(Estimate.BOUND, True), (Estimate.LIKELY, False)])
async def test_a_call_above_its_bound_is_warned_of_but_one_above_its_likely_cost_is_ordinary(
    estimate: Estimate, is_warned_of: bool, caplog: pytest.LogCaptureFixture
) -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=1, accuracy=Accuracy.EXACT)
    provider = ScriptedProvider([OPENING, Text("Hello"), Ending(FinishReason.STOP, usage)])
    lists = prices(provider.name)
    await whole(
        create_relay(provider, prices=lists, gate=LedgerGate(MemoryBooks(), provider, lists, estimate=estimate))
    )
    assert [record.levelname for record in caplog.records] == (["WARNING"] if is_warned_of else [])


async def test_requests_that_get_another_requests_answer_make_no_row() -> None:
    books = MemoryBooks()
    relay = relay_with(books, ScriptedProvider())
    await whole(relay)
    await whole(relay)
    await streamed(relay)
    assert len(books.settled) == 2
    assert books.joined == [next(iter(books.settled))]


# Limits.


async def test_fifty_concurrent_callers_cannot_exceed_a_budget() -> None:
    books = MemoryBooks(limit_nano_usd=10 * BOUND)
    relay = relay_with(books, provider := ScriptedProvider([OPENING, going := asyncio.Event(), *HELLO[1:]]))
    asking = [asyncio.create_task(relay.process(Prompt(message="Hi"), caller=f"c{number}")) for number in range(50)]
    await provider.until_waiting(10)
    going.set()
    ends = await asyncio.gather(*asking, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, BudgetExceeded)]
    assert (len(provider.tries), len(refused), books.spent) == (10, 40, 10 * COST)
    assert all(error.spent is None and not error.may_have_worked for error in refused)
    assert "this call can cost up to $0.010018" in str(refused[0])


async def test_a_limit_of_the_call_itself_is_compared_with_the_bound() -> None:
    books = MemoryBooks()
    relay = relay_with(books, provider := ScriptedProvider())
    await relay.process(limited(BOUND), caller="alice")
    with pytest.raises(BudgetExceeded, match=r"up to \$0.010018, and \$0.010017999 is allowed") as refused:
        await relay.process(limited(BOUND - 1), caller="alice")
    assert (refused.value.scope, refused.value.limit_nano_usd) == ("call", BOUND - 1)
    assert refused.value.reserved_nano_usd == BOUND
    assert len(provider.tries) == 1
    assert len(books.refused) == 1


@pytest.mark.parametrize("has_ledger", [True, False])
async def test_a_limited_call_to_a_model_without_a_price_is_refused_with_the_fix(has_ledger: bool) -> None:
    provider = ScriptedProvider()
    lists = prices("scripted", text="")
    gate = LedgerGate(MemoryBooks(), provider, lists) if has_ledger else GateWithoutLedger(provider, lists)
    relay = create_relay(provider, prices=lists, gate=gate)
    with pytest.raises(PriceUnknown, match=r"PRICES=scripted/scripted-model=2.50/10.00") as refused:
        await relay.process(limited(10**9), caller="alice")
    assert (refused.value.spent, provider.tries) == (None, [])
    await relay.process(Prompt(message="Hi"), caller="alice")


async def test_without_a_ledger_a_limit_of_the_call_itself_applies_too() -> None:
    provider = ScriptedProvider()
    lists = prices("scripted")
    relay = create_relay(provider, prices=lists, gate=GateWithoutLedger(provider, lists))
    await relay.process(limited(BOUND), caller="alice")
    with pytest.raises(BudgetExceeded):
        await relay.process(limited(BOUND - 1), caller="alice")
    await relay.process(Prompt(message="Hi"), caller="alice")
    assert len(provider.tries) == 2


async def test_a_budget_without_a_price_is_refused_with_the_fix() -> None:
    relay = relay_with(MemoryBooks(limit_nano_usd=10**12), ScriptedProvider(), text="")
    with pytest.raises(PriceUnknown, match=r"a budget limits this call.*PRICES=scripted/scripted-model="):
        await whole(relay)


WEB_PLUGIN = {"openai": '{"web_plugin": true}'}


async def test_options_that_can_change_the_cost_or_the_model_pass_without_a_limit() -> None:
    relay = relay_with(MemoryBooks(CallerAccount(name="alice", models=("scripted/*",))), provider := ScriptedProvider())
    await relay.process(Prompt(message="Hi", options=Options(provider_options=WEB_PLUGIN)), caller="alice")
    assert len(provider.tries) == 1


@pytest.mark.parametrize("limit", ["budget", "max_cost", "models"])
async def test_options_that_can_change_the_cost_or_the_model_are_refused_under_a_limit(limit: str) -> None:
    patterns = ("scripted/scripted-*",) if limit == "models" else ("scripted/*",)
    account = CallerAccount(name="alice", models=patterns)
    books = MemoryBooks(account, limit_nano_usd=10**12 if limit == "budget" else None)
    relay = relay_with(books, provider := ScriptedProvider())
    options = Options(provider_options=WEB_PLUGIN, max_cost_nano_usd=10**9 if limit == "max_cost" else None)
    with pytest.raises(InvalidRequest, match=r"options.provider_options.openai.web_plugin"):
        await relay.process(Prompt(message="Hi", options=options), caller="alice")
    assert (provider.tries, books.open, books.spent) == ([], {}, 0)


async def test_a_chain_under_a_budget_uses_only_providers_with_a_price_and_reserves_for_the_most_expensive() -> None:
    books = MemoryBooks(limit_nano_usd=10**12)
    dear, free = Named("dear", [away()]), Named("free")
    relay = relay_with(books, Fallback([Named("unpriced"), dear, free], {}), text="dear/*=2/20,free/*=0/0")
    answer = await relay.process(Prompt(message="Hi"), caller="alice")
    ((call, end),) = books.settled.values()
    assert (answer.provider, call.bound_nano_usd) == ("free", 2 * BOUND)
    assert [attempt.provider for attempt in end.attempts] == ["dear", "free"]
    assert (end.nano_usd, end.provider, end.may_have_worked) == (0, "free", True)


async def test_a_call_with_a_limit_of_its_own_asks_only_providers_with_a_price() -> None:
    unpriced = Named("unpriced")
    relay = relay_with(MemoryBooks(), Fallback([unpriced, Named("priced")], {}), text="priced/*=1/10")
    assert (await relay.process(limited(10**9), caller="alice")).provider == "priced"
    assert unpriced.tries == []


async def test_a_rate_limit_of_the_books_refuses_before_the_provider_is_called() -> None:
    books = MemoryBooks()
    books.failure = RateLimited(retry_after_s=3)
    with pytest.raises(RateLimited) as refused:
        await whole(relay_with(books, provider := ScriptedProvider()))
    assert (refused.value.retry_after_s, refused.value.spent, provider.tries) == (3, None, [])
    assert books.unknown == []  # a call that was refused is not settled


async def test_an_unreachable_ledger_calls_no_provider_and_the_next_call_passes_when_it_is_back() -> None:
    books = MemoryBooks()
    relay = relay_with(books, provider := ScriptedProvider())
    books.failure = LedgerUnavailable()
    with pytest.raises(LedgerUnavailable) as refused:
        await whole(relay)
    assert (refused.value.retry_after_s, refused.value.may_have_worked, provider.tries) == (1, False, [])
    books.failure = None
    await whole(relay)


# Models that a caller may use.


@pytest.mark.parametrize(
    ("patterns", "model"),
    [
        ((), "gpt-4o"),
        (("*",), "gpt-4o"),
        (("scripted/gpt-*",), "gpt-4o"),
        (("scripted/gpt-*", "scripted/o?"), "o3"),
        (("scripted/scripted-model",), None),
    ],
)
async def test_a_caller_may_use_the_models_that_its_patterns_match(
    patterns: tuple[str, ...], model: str | None
) -> None:
    books = MemoryBooks(CallerAccount(name="alice", models=patterns))
    relay = relay_with(books, provider := ScriptedProvider())
    await relay.process(Prompt(message="Hi", model=model), caller="gateway/alice")
    assert len(provider.tries) == len(books.settled) == 1


@pytest.mark.parametrize(
    ("patterns", "model"),
    [(("scripted/gpt-*",), "o3"), (("openai/*",), "gpt-4o"), (("scripted/gpt-*",), None)],
)
async def test_a_caller_may_not_use_models_that_none_of_its_patterns_matches(
    patterns: tuple[str, ...], model: str | None
) -> None:
    books = MemoryBooks(CallerAccount(name="alice", models=patterns))
    relay = relay_with(books, provider := ScriptedProvider())
    with pytest.raises(PermissionDenied, match="alice may not use scripted/") as refused:
        await relay.process(Prompt(message="Hi", model=model), caller="gateway/alice")
    assert (provider.tries, books.open, books.settled, refused.value.spent) == ([], {}, {}, None)


async def test_a_chain_skips_providers_whose_model_the_caller_may_not_use() -> None:
    books = MemoryBooks(CallerAccount(name="alice", models=("first/*", "third/*")))
    second = Named("second")
    relay = relay_with(books, Fallback([Named("first", [away()]), second, Named("third")], {}))
    assert (await relay.process(Prompt(message="Hi"), caller="alice")).provider == "third"
    assert second.tries == []


async def test_an_alias_of_a_model_map_is_allowed_by_either_name() -> None:
    books = MemoryBooks(CallerAccount(name="alice", models=("first/smart",)))
    chain = Fallback([Named("first")], {("first", "smart"): "gpt-4o"})
    relay = relay_with(books, chain)
    await relay.process(Prompt(message="Hi", model="smart"), caller="alice")
    with pytest.raises(PermissionDenied):
        await relay.process(Prompt(message="Hi", model="gpt-4o"), caller="alice")


# Leaving.


@pytest.mark.parametrize("ending", ["leaves", "cancels", "runs out of time"])
@pytest.mark.parametrize("refused", [False, True])
async def test_a_call_that_ends_while_it_is_reserved_leaves_nothing_reserved(ending: str, refused: bool) -> None:
    books = MemoryBooks(limit_nano_usd=0 if refused else 10**12)
    books.may_reserve.clear()
    relay = relay_with(books, provider := ScriptedProvider())
    timeout_s = 0.05 if ending == "runs out of time" else None
    asking = asyncio.create_task(relay.process(HI, caller="alice", timeout_s=timeout_s))
    await books.reserving.wait()
    if ending == "leaves":
        asking.cancel()
    elif ending == "cancels":
        relay.cancel("id-1", caller="alice")
    else:
        await asyncio.wait([asking], timeout=PATIENCE_S)
        assert asking.done()
    await a_few_turns()
    books.may_reserve.set()
    with contextlib.suppress(RelayError, asyncio.CancelledError):
        await asking
    assert await relay.wait_idle(PATIENCE_S)
    assert (provider.tries, books.open, books.spent) == ([], {}, 0)
