"""What a call writes to the ledger: at its beginning and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from llm_relay.errors import RelayError
from llm_relay.messages.accounts import CallAttempt, RatesLeft

MOST_NANO_USD = 10**16
"""The most that a call counts as: ten million dollars."""
MOST_TOKENS = 10**15
"""The same for tokens. A provider that reports more is wrong."""
MOST_SUM = 9 * 10**18
"""The most that a sum of calls counts as: nine billion dollars. A few calls more still fit in 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A call that is about to ask a provider."""

    id: str
    """A UUIDv7, the row's key. Writing the same call twice does no harm."""
    request_id: str
    caller: str
    """The full name, such as `gateway/alice`."""
    protocol: str
    provider: str
    """The provider that the call is for."""
    model: str
    """The model asked for, or the default."""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    bound_nano_usd: int | None
    """The most that the call can cost; None: no price is known."""
    refusal: RelayError | None = None
    """The error if the call's own limits refuse it. It is raised after the rates are checked, and gets a row."""
    likely_tokens: int
    """Estimated input and output tokens, for the token rate. The actual count replaces it at the end."""
    started_at: datetime
    trace_id: str = ""

    @property
    def account(self) -> str:
        """The name that money and limits belong to."""
        return self.caller.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The call is written and may ask the provider."""

    is_under_budget: bool
    """Whether a budget applies. If so, providers without a price must not be asked."""
    rates_left: RatesLeft | None = None
    """What is left of the caller's rates after this call; None: it has no limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How a call that has a row ended."""

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
    """None: unknown."""
    may_have_worked: bool
    """Whether a provider may bill it. If so and `nano_usd` is None, the reservation is charged; if not, nothing."""
    price_source: str = ""
    service_tier: str = ""
    ended_at: datetime
    first_token_s: float | None = None
    duration_s: float
    attempts: tuple[CallAttempt, ...] = ()
