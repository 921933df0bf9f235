"""The metric of what is left of budgets."""

import dataclasses
import math

from prometheus_client import REGISTRY

from llm_relay.messages.accounts import Budget, Period
from server_b.observers.call_metrics import BudgetGauge

BUDGET = Budget(
    caller="gauge", period=Period.DAY, limit_nano_usd=3 * 10**9, spent_nano_usd=10**9, reserved_nano_usd=5 * 10**8
)


def left(period: str) -> float | None:
    labels = {"program": "server_b", "budget": "caller:gauge", "period": period}
    return REGISTRY.get_sample_value("relay_budget_left_usd", labels)


def test_what_is_left_of_a_budget_is_shown_until_it_is_deleted() -> None:
    gauge, monthly = BudgetGauge(), dataclasses.replace(BUDGET, period=Period.MONTH)
    gauge.show([BUDGET, monthly])
    assert (left("day"), left("month")) == (1.5, 1.5)
    gauge.show([dataclasses.replace(monthly, spent_nano_usd=3 * 10**9)])
    assert math.isnan(left("day") or 0)
    assert left("month") == -0.5
    gauge.show([BUDGET])
    assert left("day") == 1.5
