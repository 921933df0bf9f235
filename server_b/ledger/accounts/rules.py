"""Validation of callers, tokens, budgets, prices and corrections."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from llm_relay.caller_tokens import ANONYMOUS, CALLER_NAME, NAME_RULE
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import Adjustment, Budget, CallerAccount, Price, RateLimits
from llm_relay.messages.numbers import is_whole
from llm_relay.messages.option_rules import tags_fault
from llm_relay.messages.text import Faults, text_fault
from llm_relay.time_zones import ZONE_RULE, is_time_zone

RATE_FIELDS = ("calls_per_minute", "tokens_per_minute", "concurrent_calls")
CALLER_FIELDS = (
    "parent",
    "is_admin",
    "is_disabled",
    "models",
    "rates",
    *(f"rates.{name}" for name in RATE_FIELDS),
    "tags",
)
"""What can be changed of a caller by itself."""
MAX_LISTED = 1000
MAX_RATE = 1_000_000_000_000
MAX_PATTERNS = 100
MAX_PATTERN_CHARS = 256
MAX_LABEL_CHARS = 200
MAX_REASON_CHARS = 500
MAX_PRICE = 10**15
"""In nano-USD per million tokens: a dollar a token."""
MAX_AMOUNT = 10**18
"""In nano-USD: a billion dollars. Two of them still fit in an int64."""
MAX_OVERLAP_S = 366 * 86_400.0
PATTERN_RULE = f"must be PROVIDER/MODEL of at most {MAX_PATTERN_CHARS} characters without spaces, such as openai/gpt-*"
_TAG_RULE = "must be key=value, such as project=search"


def check(faults: Faults) -> None:
    """Raises InvalidRequest that names each invalid field."""
    violations = tuple(Violation(field, fault) for field, fault in faults if fault)
    if violations:
        raise InvalidRequest.of(*violations)


def caller_faults(caller: CallerAccount) -> Faults:
    """Yields what is wrong with a caller by itself."""
    yield "name", name_fault(caller.name)
    if caller.parent:
        yield (
            "parent",
            name_fault(caller.parent) or ("must be another caller" if caller.parent == caller.name else None),
        )
    yield "models", _patterns_fault(caller.models)
    yield from _rate_faults(caller.rates)
    yield "tags", tags_fault(caller.tags) or _equals_fault(caller.tags)


def caller_field_faults(fields: Collection[str]) -> Faults:
    """Yields what is wrong with the names of fields of a caller that are to change."""
    for field in fields:
        if field not in CALLER_FIELDS:
            yield "update_mask", f"must have fields of a caller only: {', '.join(CALLER_FIELDS)}"


def name_fault(name: str) -> str | None:
    """Returns why `name` is not the name of a caller, or None."""
    return (
        None
        if CALLER_NAME.fullmatch(name)
        else f"must be a caller's name, without a prefix such as gateway/: {NAME_RULE}"
    )


def token_faults(caller: str, label: str, expires_at: datetime | None, now: datetime) -> Faults:
    """Yields what is wrong with a token that is about to be created."""
    yield "caller", name_fault(caller)
    if caller == ANONYMOUS:
        yield "caller", f"must not be {ANONYMOUS}: that is the name of callers without a token"
    yield "label", text_fault(label, blank_allowed=True) or _length_fault(label, MAX_LABEL_CHARS)
    if expires_at is not None and expires_at <= now:
        yield "expires_at", "must be in the future"


def overlap_faults(overlap_s: float) -> Faults:
    """Yields what is wrong with how long a token stays valid beside its successor."""
    if not 0 <= overlap_s <= MAX_OVERLAP_S:
        yield "overlap_s", f"must be a number from 0 to {MAX_OVERLAP_S:.0f}, in seconds"


def budget_faults(budget: Budget) -> Faults:
    """Yields what is wrong with a budget by itself."""
    if bool(budget.caller) == bool(budget.tag):
        yield "caller", "must be set if tag is empty, and empty if tag is set"
    if budget.caller:
        yield "caller", name_fault(budget.caller)
    if budget.tag:
        yield "tag", tag_fault(budget.tag)
    yield "time_zone", zone_fault(budget.time_zone)
    yield "limit_nano_usd", _amount_fault(budget.limit_nano_usd)
    yield "raised_by_nano_usd", _amount_fault(budget.raised_by_nano_usd)
    if bool(budget.raised_by_nano_usd) != (budget.raised_until is not None):
        yield "raised_until", "must be set if and only if raised_by_nano_usd is set"


def raise_faults(nano_usd: int) -> Faults:
    """Yields what is wrong with the amount of a raise."""
    if not is_whole(nano_usd, 0, MAX_AMOUNT):
        yield "nano_usd", f"must be 0 or more, and {MAX_AMOUNT} at most; 0 ends the raise"


def price_faults(price: Price) -> Faults:
    """Yields what is wrong with a price."""
    yield "pattern", _pattern_fault(price.pattern)
    for field in ("input", "output", "cache_read", "cache_write"):
        value = getattr(price, field)
        if value is None and field.startswith("cache"):
            continue
        if not is_whole(value, 0, MAX_PRICE):
            yield field, f"must be a whole number from 0 to {MAX_PRICE}, in nano-USD per million tokens"
    if price.valid_from and price.valid_until and price.valid_from >= price.valid_until:
        yield "valid_until", "must be after valid_from"


def adjustment_faults(adjustment: Adjustment) -> Faults:
    """Yields what is wrong with a correction by itself."""
    yield "call_id", None if adjustment.call_id else "must be the id of a call"
    if not is_whole(adjustment.nano_usd, -MAX_AMOUNT, MAX_AMOUNT):
        yield "nano_usd", f"must be a whole number from {-MAX_AMOUNT} to {MAX_AMOUNT}"
    yield "reason", text_fault(adjustment.reason) or _length_fault(adjustment.reason, MAX_REASON_CHARS)


def limit_faults(limit: int) -> Faults:
    """Yields what is wrong with the number of entries to list."""
    yield "limit", None if is_whole(limit, 1, MAX_LISTED) else f"must be a whole number from 1 to {MAX_LISTED}"


def tag_fault(tag: str) -> str | None:
    """Returns why `tag` is not a `key=value`, or None."""
    key, equals, value = tag.partition("=")
    return tags_fault({key: value}) if equals and key else _TAG_RULE


def zone_fault(time_zone: str) -> str | None:
    """Returns why `time_zone` is not an IANA zone, or None."""
    return None if is_time_zone(time_zone) else ZONE_RULE


def _rate_faults(rates: RateLimits) -> Faults:
    for field in RATE_FIELDS:
        value = getattr(rates, field)
        if value is not None and not is_whole(value, 1, MAX_RATE):
            yield f"rates.{field}", f"must be a whole number from 1 to {MAX_RATE}, or absent for no limit"


def _patterns_fault(patterns: tuple[str, ...]) -> str | None:
    if len(patterns) > MAX_PATTERNS:
        return f"must have at most {MAX_PATTERNS} patterns"
    return next(_faulty(patterns), None)


def _faulty(patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        if fault := _pattern_fault(pattern):
            yield fault


def _pattern_fault(pattern: str) -> str | None:
    if pattern == "*":
        return None
    provider, slash, model = pattern.partition("/")
    is_fit = provider and slash and model and len(pattern) <= MAX_PATTERN_CHARS and pattern.isprintable()
    return None if is_fit and " " not in pattern else PATTERN_RULE


def _equals_fault(tags: Mapping[str, str]) -> str | None:
    return "must have keys without =" if any("=" in key for key in tags) else None


def _amount_fault(amount: int) -> str | None:
    return None if is_whole(amount, 0, MAX_AMOUNT) else f"must be a whole number from 0 to {MAX_AMOUNT}, in nano-USD"


def _length_fault(text: str, most: int) -> str | None:
    return f"must have at most {most} characters" if len(text) > most else None
