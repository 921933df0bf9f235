"""Rules for callers, budgets, prices and corrections: each fault names its field."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from llm_relay.errors import InvalidRequest
from llm_relay.messages.accounts import Adjustment, Budget, CallerAccount, Period, Price, RateLimits
from llm_relay.messages.text import Faults
from server_b.ledger.accounts.rules import (
    adjustment_faults,
    budget_faults,
    caller_faults,
    check,
    overlap_faults,
    price_faults,
    token_faults,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CALLER = CallerAccount(name="alice")
BUDGET = Budget(caller="alice", period=Period.MONTH, limit_nano_usd=10**9)
PRICE = Price(pattern="openai/my-*", input=0, output=0)
ADJUSTMENT = Adjustment(call_id="1", nano_usd=-5, reason="credit")


def faulty(faults: Faults) -> list[str]:
    with pytest.raises(InvalidRequest) as raised:
        check(faults)
    return [violation.field for violation in raised.value.violations]


@pytest.mark.parametrize(
    "caller",
    [
        CALLER,
        replace(CALLER, parent="team", models=("*", "openai/*"), tags={"project": "a=b"}),
        replace(CALLER, rates=RateLimits(calls_per_minute=1, tokens_per_minute=10**9, concurrent_calls=2)),
        CallerAccount(name="anonymous"),
    ],
)
def test_a_valid_caller_has_no_fault(caller: CallerAccount) -> None:
    check(caller_faults(caller))


@pytest.mark.parametrize(
    ("caller", "field"),
    [
        (replace(CALLER, name=""), "name"),
        (replace(CALLER, name="gateway/alice"), "name"),
        (replace(CALLER, name="a" * 65), "name"),
        (replace(CALLER, name="alice\n"), "name"),
        (replace(CALLER, parent="alice"), "parent"),
        (replace(CALLER, parent="a b"), "parent"),
        (replace(CALLER, models=("gpt-5",)), "models"),
        (replace(CALLER, models=("openai/ gpt",)), "models"),
        (replace(CALLER, models=("/x",)), "models"),
        (replace(CALLER, tags={"a=b": "c"}), "tags"),
        (replace(CALLER, tags={"a": "\0"}), "tags"),
        (replace(CALLER, rates=RateLimits(calls_per_minute=0)), "rates.calls_per_minute"),
        (replace(CALLER, rates=RateLimits(concurrent_calls=-1)), "rates.concurrent_calls"),
    ],
)
def test_an_invalid_caller_names_its_faults(caller: CallerAccount, field: str) -> None:
    assert faulty(caller_faults(caller)) == [field]


@pytest.mark.parametrize(
    "budget",
    [
        BUDGET,
        replace(BUDGET, limit_nano_usd=0, time_zone="Asia/Kathmandu", period=Period.TOTAL),
        replace(BUDGET, caller="", tag="project=a=b"),
        replace(BUDGET, raised_by_nano_usd=5, raised_until=NOW),
    ],
)
def test_a_valid_budget_has_no_fault(budget: Budget) -> None:
    check(budget_faults(budget))


@pytest.mark.parametrize(
    ("budget", "field"),
    [
        (replace(BUDGET, caller=""), "caller"),
        (replace(BUDGET, tag="a=b"), "caller"),
        (replace(BUDGET, caller="a/b"), "caller"),
        (replace(BUDGET, caller="", tag="project"), "tag"),
        (replace(BUDGET, caller="", tag="=x"), "tag"),
        (replace(BUDGET, limit_nano_usd=-1), "limit_nano_usd"),
        (replace(BUDGET, limit_nano_usd=2**63), "limit_nano_usd"),
        (replace(BUDGET, time_zone=""), "time_zone"),
        (replace(BUDGET, time_zone="Mars/Base"), "time_zone"),
        (replace(BUDGET, time_zone="../../etc/passwd"), "time_zone"),
        (replace(BUDGET, raised_by_nano_usd=5), "raised_until"),
        (replace(BUDGET, raised_until=NOW), "raised_until"),
    ],
)
def test_an_invalid_budget_names_its_faults(budget: Budget, field: str) -> None:
    assert faulty(budget_faults(budget)) == [field]


@pytest.mark.parametrize("price", [PRICE, replace(PRICE, cache_read=0, valid_from=NOW)])
def test_a_valid_price_has_no_fault(price: Price) -> None:
    check(price_faults(price))


@pytest.mark.parametrize(
    ("price", "field"),
    [
        (replace(PRICE, pattern="my-*"), "pattern"),
        (replace(PRICE, input=-1), "input"),
        (replace(PRICE, cache_write=10**16), "cache_write"),
        (replace(PRICE, valid_from=NOW, valid_until=NOW), "valid_until"),
    ],
)
def test_an_invalid_price_names_its_faults(price: Price, field: str) -> None:
    assert faulty(price_faults(price)) == [field]


@pytest.mark.parametrize(
    ("adjustment", "field"),
    [
        (replace(ADJUSTMENT, call_id=""), "call_id"),
        (replace(ADJUSTMENT, reason=" "), "reason"),
        (replace(ADJUSTMENT, reason="x" * 501), "reason"),
        (replace(ADJUSTMENT, nano_usd=10**19), "nano_usd"),
    ],
)
def test_an_invalid_correction_names_its_faults(adjustment: Adjustment, field: str) -> None:
    assert faulty(adjustment_faults(adjustment)) == [field]


def test_a_token_must_name_its_caller_and_end_in_the_future() -> None:
    check(token_faults("alice", "laptop", NOW + timedelta(days=1), NOW))
    assert faulty(token_faults("anonymous", "", None, NOW)) == ["caller"]
    assert faulty(token_faults("alice", "x" * 201, None, NOW)) == ["label"]
    assert faulty(token_faults("alice", "", NOW, NOW)) == ["expires_at"]


@pytest.mark.parametrize("overlap_s", [-1.0, float("nan"), float("inf"), 1e12])
def test_an_overlap_must_be_within_its_limits(overlap_s: float) -> None:
    check(overlap_faults(3600))
    assert faulty(overlap_faults(overlap_s)) == ["overlap_s"]
