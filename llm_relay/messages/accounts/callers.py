"""Callers: who may call, how much, and with which tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

SESSION_PREFIX = "ses_"
"""What the ids of sessions begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """How much a caller may do; None: no limit."""

    calls_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Input and output together."""
    concurrent_calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLeft:
    """What is left of one rate."""

    limit: int
    """In a minute."""
    remaining: int
    """0 or more."""
    reset_s: float
    """How long it takes until all of it is there again, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesLeft:
    """What is left of a caller's rates; None: no limit."""

    calls: RateLeft | None = None
    tokens: RateLeft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAccount:
    """A caller whom the ledger knows. Money, rates and models belong to the name after the last `/` of a caller."""

    name: str
    parent: str = ""
    """A caller whose budgets this one's calls count in too, such as a team; empty: none."""
    is_admin: bool = False
    is_disabled: bool = False
    """Its tokens are refused, those of RELAY_TOKENS too."""
    models: tuple[str, ...] = ()
    """Patterns of `provider/model` that it may use, with `*` and `?`; empty: all."""
    rates: RateLimits = RateLimits()
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Added to each of its calls, in place of the request's own values."""
    created_at: datetime | None = None
    """None: it is not in the ledger yet."""


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
    """Of a session: the mark of the token of RELAY_TOKENS that it was signed in with; empty: of none."""

    @property
    def is_session(self) -> bool:
        """Whether it is a browser's session."""
        return self.id.startswith(SESSION_PREFIX)

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was made just now; nobody can be told its secret again."""

    info: TokenInfo
    secret: str = field(repr=False)
    """Begins with `rly_`."""
