"""Callers: who may call, how much, and with which tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

SESSION_PREFIX = "ses_"
"""The beginning of session ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The rate limits of a caller; None: no limit."""

    calls_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Input and output together."""
    concurrent_calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLeft:
    """What is left of one rate."""

    limit: int
    """Per minute."""
    remaining: int
    """0 or more."""
    reset_s: float
    """Time until all of it is available again, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesLeft:
    """What is left of a caller's rates; None: no limit."""

    calls: RateLeft | None = None
    tokens: RateLeft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAccount:
    """A caller in the ledger. Budgets, rates and models apply to the part of a caller's name after the last `/`."""

    name: str
    parent: str = ""
    """Another caller, such as a team, whose budgets count this caller's calls too; empty: none."""
    is_admin: bool = False
    is_disabled: bool = False
    """Its tokens are refused, including those of RELAY_TOKENS."""
    models: tuple[str, ...] = ()
    """Patterns of `provider/model` that it may use, with `*` and `?`; empty: all."""
    rates: RateLimits = RateLimits()
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Added to each of its calls. They replace the request's own values."""
    created_at: datetime | None = None
    """None: it is not in the ledger yet."""

    def with_fields_of(self, other: CallerAccount, fields: Iterable[str]) -> CallerAccount:
        """Returns this account with the values that these fields, such as `tags` or `rates.calls_per_minute`, have in
        `other`. Names of no field are ignored.
        """
        names = set(fields)
        account = {name: getattr(other, name) for name in names if name in CallerAccount.__slots__}
        changed = replace(self, **account)
        rates = {name: getattr(other.rates, name) for name in RateLimits.__slots__ if f"rates.{name}" in names}
        return replace(changed, rates=replace(changed.rates, **rates))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """A bearer token, without its secret."""

    id: str
    caller: str
    label: str = ""
    created_at: datetime
    expires_at: datetime | None = None
    """None: never."""
    revoked_at: datetime | None = None
    """None: it has not been revoked."""
    signed_in_with: str = ""
    """For a session: the mark of the token of RELAY_TOKENS that signed it in; empty: no such token."""

    @property
    def is_session(self) -> bool:
        """Whether the token is of a browser session."""
        return self.id.startswith(SESSION_PREFIX)

    def has_expired(self, now: datetime) -> bool:
        """Returns whether the token has expired."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A new token. Its secret cannot be shown again."""

    info: TokenInfo
    secret: str = field(repr=False)
    """Begins with `rly_`."""
