"""The bodies that the pages send: changes of callers, tokens, budgets and prices. Unknown members are refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.requests.plain_values import Moment, PlainDecimal
from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.messages.accounts import Budget, CallerAccount, Period, Price, RateLimits


def _nano(usd: Decimal) -> Decimal:
    if usd * NANO_USD_PER_USD != int(usd * NANO_USD_PER_USD):
        raise ValueError("has more than nine decimal places")
    return usd


def nano_usd(usd: Decimal) -> int:
    """Returns an amount in nano-USD."""
    return int(usd * NANO_USD_PER_USD)


Usd = Annotated[
    Decimal,
    PlainDecimal,
    Field(ge=0, le=10**9, allow_inf_nan=False, description="In USD, such as 12.50"),
    AfterValidator(_nano),
]
Limit = Annotated[int | None, Field(strict=True, ge=0, description="null: no limit")]


RATES = ("calls_per_minute", "tokens_per_minute", "concurrent_calls")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignIn(_Body):
    """A token to sign in with."""

    token: str = Field(min_length=1, max_length=4096)


class CallerBody(_Body):
    """A caller."""

    parent: str = ""
    is_admin: bool = False
    is_disabled: bool = False
    models: tuple[str, ...] = ()
    calls_per_minute: Limit = None
    tokens_per_minute: Limit = None
    concurrent_calls: Limit = None
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def fields(self) -> list[str]:
        """The fields of a caller that the body has: the others stay as they are."""
        return [f"rates.{name}" if name in RATES else name for name in sorted(self.model_fields_set)]

    def caller(self, name: str) -> CallerAccount:
        """Returns the caller with this name."""
        rates = RateLimits(
            calls_per_minute=self.calls_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            concurrent_calls=self.concurrent_calls,
        )
        return CallerAccount(
            name=name,
            parent=self.parent,
            is_admin=self.is_admin,
            is_disabled=self.is_disabled,
            models=self.models,
            rates=rates,
            tags=self.tags,
        )


class TokenBody(_Body):
    """A token to create."""

    caller: str
    label: str = ""
    expires_at: Moment | None = None
    is_admin: bool = False


class RotateBody(_Body):
    """How long the replaced token stays valid."""

    overlap_s: float | None = Field(None, strict=True, ge=0)


class BudgetBody(_Body):
    """A budget. Without an id it is a new one, or the one with the same scope and period."""

    id: str = ""
    caller: str = ""
    tag: str = ""
    period: Literal["day", "week", "month", "total"]
    time_zone: str = ""
    limit_usd: Usd
    is_warning_only: bool = False

    def budget(self) -> Budget:
        """Returns the budget."""
        return Budget(
            id=self.id,
            caller=self.caller,
            tag=self.tag,
            period=Period(self.period),
            time_zone=self.time_zone,
            limit_nano_usd=nano_usd(self.limit_usd),
            is_warning_only=self.is_warning_only,
        )


class RaiseBody(_Body):
    """The amount to add to a budget until its window ends."""

    amount_usd: Usd


class PriceBody(_Body):
    """A price, in USD per million tokens."""

    pattern: str
    input_usd: Usd
    output_usd: Usd
    cache_read_usd: Usd | None = None
    cache_write_usd: Usd | None = None

    def price(self) -> Price:
        """Returns the price."""
        rates = (self.input_usd, self.output_usd, self.cache_read_usd, self.cache_write_usd)
        given, output, read, write = (None if usd is None else nano_usd(usd) for usd in rates)
        return Price(pattern=self.pattern, input=given or 0, output=output or 0, cache_read=read, cache_write=write)
