"""What a call writes into the ledger: at its beginning and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from llm_relay.errors import RelayError
from llm_relay.messages.accounts import CallAttempt, RatesLeft

MOST_NANO_USD = 10**16
"""What a call counts as at most, ten million dollars: so that sums of many calls still are integers of 64 bits."""
MOST_TOKENS = 10**15
"""The same for tokens. A provider that tells of more is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A call that is about to ask a provider."""

    id: str
    """A UUIDv7, the row's key: the same call can be written again without harm."""
    request_id: str
    caller: str
    """In full, as `gateway/alice`."""
    protocol: str
    provider: str
    """Who may answer."""
    model: str
    """The one asked for, or the default."""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    bound_nano_usd: int | None
    """The most that it can cost; None: no price is known."""
    refusal: RelayError | None = None
    """Why it may not be made, by its own limits: it is refused with this after the rates, and the refusal written."""
    likely_tokens: int
    """Input and output, for the rate of tokens; settled by the true count."""
    started_at: datetime
    trace_id: str = ""

    @property
    def account(self) -> str:
        """The name that money and limits belong to."""
        return self.caller.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A call was written and may ask the provider."""

    is_under_budget: bool
    """Whether a budget applies: then providers without a price must not be asked."""
    rates_left: RatesLeft | None = None
    """What is left of its caller's rates after this call; None: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """What a call that has a row turned out to be."""

    id: str
    outcome: str
    """The reason of its error, or its finish reason."""
    is_failed: bool
    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    accuracy: str
    nano_usd: int | None
    """None: not known."""
    may_have_worked: bool
    """Whether a provider may bill it. If so and `nano_usd` is None, the reservation is charged; if not, nothing."""
    price_source: str = ""
    service_tier: str = ""
    ended_at: datetime
    first_token_s: float | None = None
    duration_s: float
    attempts: tuple[CallAttempt, ...] = ()
