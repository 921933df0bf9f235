"""Who a caller is, and its budgets, as JSON objects."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import Field

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.accounts.times import time_text
from llm_relay.messages.accounts import Budget, Identity, RateLimits


class RatesDocument(TypedDict):
    """The rate limits of a caller; null: no limit."""

    calls_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_calls: int | None


class BudgetDocument(TypedDict):
    """A budget for a period, and what is left of it. It has either `caller` or `tag`."""

    id: str
    caller: NotRequired[str]
    tag: NotRequired[Annotated[str, Field(description="As key=value")]]
    period: Annotated[str, Field(description="day, week, month or total")]
    time_zone: str
    limit_nano_usd: Annotated[int, Field(description="The limit, without the raise")]
    spent_nano_usd: int
    reserved_nano_usd: Annotated[int, Field(description="The upper bound of what running calls may cost")]
    remaining_nano_usd: Annotated[int, Field(description="What is left, with the raise: 0 or more")]
    resets_at: Annotated[str | None, Field(description="When the next window begins; null: never")]
    starts_at: str | None
    is_warning_only: Annotated[bool, Field(description="Whether the budget only warns and refuses no calls")]
    raised_by_nano_usd: int
    raised_until: str | None


class IdentityDocument(TypedDict):
    """A caller as the relay knows it."""

    name: Annotated[str, Field(description="The full name, such as gateway/alice")]
    account: Annotated[str, Field(description="The account that money and limits belong to: the name after the last /")]
    is_admin: bool
    parent: str
    models: Annotated[list[str], Field(description="Patterns of provider/model that it may use; empty: all")]
    rates: RatesDocument
    budgets: list[BudgetDocument]


def rates_document(rates: RateLimits) -> RatesDocument:
    """Returns rates as an object."""
    return {
        "calls_per_minute": rates.calls_per_minute,
        "tokens_per_minute": rates.tokens_per_minute,
        "concurrent_calls": rates.concurrent_calls,
    }


def budget_document(budget: Budget) -> BudgetDocument:
    """Returns a budget as an object."""
    scope: BudgetDocument = {"caller": budget.caller} if budget.caller else {"tag": budget.tag}  # type: ignore[typeddict-item]
    limit = budget.limit_nano_usd + budget.raised_by_nano_usd
    rest: BudgetDocument = {
        "id": budget.id,
        "period": budget.period.value,
        "time_zone": budget.time_zone,
        "limit_nano_usd": budget.limit_nano_usd,
        "spent_nano_usd": budget.spent_nano_usd,
        "reserved_nano_usd": budget.reserved_nano_usd,
        "remaining_nano_usd": max(0, limit - budget.spent_nano_usd - budget.reserved_nano_usd),
        "resets_at": time_text(budget.resets_at),
        "starts_at": time_text(budget.starts_at),
        "is_warning_only": budget.is_warning_only,
        "raised_by_nano_usd": budget.raised_by_nano_usd,
        "raised_until": time_text(budget.raised_until),
    }
    return {**scope, **rest}


def identity_document(identity: Identity) -> IdentityDocument:
    """Returns a caller as an object."""
    return {
        "name": identity.name,
        "account": identity.account.name,
        "is_admin": identity.is_admin,
        "parent": identity.account.parent,
        "models": list(identity.account.models),
        "rates": rates_document(identity.account.rates),
        "budgets": [budget_document(budget) for budget in identity.budgets],
    }
