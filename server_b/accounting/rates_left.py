"""What callers' rates have left, as this process saw it last: for headers, not for decisions."""

from __future__ import annotations

import time
from dataclasses import replace

from llm_relay.messages.accounts import RateLeft, RatesLeft
from server_b.ledger.base import Policy

MOST_NOTED = 10_000
_MINUTE_S = 60.0


class RatesSeen:
    """Remembers what each account had left after its last call."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, RatesLeft]] = {}

    def note(self, account: str, left: RatesLeft) -> None:
        """Records what an account has left now."""
        if len(self._seen) >= MOST_NOTED:
            self._seen.clear()
        self._seen[account] = (time.monotonic(), left)

    def left(self, caller: str, policy: Policy) -> RatesLeft | None:
        """Returns what a caller has left once one more call has begun; None: it has no rates."""
        account = caller.rpartition("/")[2]
        known = policy.callers.get(account)
        if known is None:
            return None
        limits = known.rates
        if limits.calls_per_minute is None and limits.tokens_per_minute is None:
            return None
        seen_at, seen = self._seen.get(account, (0.0, RatesLeft()))
        passed_s = time.monotonic() - seen_at
        calls = _refilled(seen.calls, limits.calls_per_minute, passed_s)
        if calls is not None:
            reset_s = calls.reset_s + _MINUTE_S / calls.limit
            calls = replace(calls, remaining=max(0, calls.remaining - 1), reset_s=reset_s)
        return RatesLeft(calls=calls, tokens=_refilled(seen.tokens, limits.tokens_per_minute, passed_s))


def _refilled(seen: RateLeft | None, limit: int | None, passed_s: float) -> RateLeft | None:
    if limit is None:
        return None
    if seen is None or seen.limit != limit:
        return RateLeft(limit=limit, remaining=limit, reset_s=0.0)
    remaining = min(limit, int(seen.remaining + passed_s / _MINUTE_S * limit))
    return RateLeft(limit=limit, remaining=remaining, reset_s=max(0.0, seen.reset_s - passed_s))
