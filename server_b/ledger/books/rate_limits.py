"""Rates: buckets that refill by the minute, and calls at once. All servers share them in the table `rate_buckets`."""

from __future__ import annotations

from dataclasses import dataclass, field

from llm_relay.errors import RateLimited
from llm_relay.messages.accounts import RateLeft, RateLimits, RatesLeft
from server_b.ledger.times import US_PER_S
from server_b.ledger.transactions import Query, Row, Transaction

CALLS, TOKENS, CONCURRENT, REFUSED = "calls", "tokens", "concurrent", "refused"
_US_PER_MINUTE = 60 * US_PER_S
BUSY_RETRY_AFTER_S = 1.0
"""Retry-After for a caller with too many calls at once, because it is not known when one of them ends."""

_READ = "SELECT account, kind, level, updated_at FROM rate_buckets WHERE account IN :accounts"
READ_LOCKED = f"{_READ} ORDER BY account, kind FOR UPDATE"
_WRITE = (
    "INSERT INTO rate_buckets (account, kind, level, updated_at) VALUES (:account, :kind, :level, :updated_at)"
    " ON CONFLICT (account, kind) DO UPDATE SET level = excluded.level, updated_at = excluded.updated_at"
)
_ENSURE = (
    "INSERT INTO rate_buckets (account, kind, level, updated_at) VALUES (:account, 'concurrent', 0, 0)"
    " ON CONFLICT (account, kind) DO NOTHING"
)
_COUNT = "SELECT account, COUNT(*) FROM calls WHERE state = 'open' AND account IN :accounts GROUP BY account"


@dataclass(slots=True)
class Bucket:
    """What is left of a rate. It is below 0 after calls that used more tokens than estimated."""

    capacity: float
    level: float

    def wait_s(self, amount: float) -> float:
        """Returns the seconds until `amount` is available; 0: it is."""
        return max(0.0, (amount - self.level) * 60 / self.capacity) if self.capacity > 0 else 60.0


def is_limited(rates: RateLimits) -> bool:
    """Returns whether any rate limit is set."""
    return not (rates.calls_per_minute is None and rates.tokens_per_minute is None and rates.concurrent_calls is None)


@dataclass(slots=True)
class Rates:
    """The rates of one transaction's accounts, locked until its end."""

    now_us: int
    stored: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    open_calls: dict[str, int] = field(default_factory=dict)
    buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)
    """The buckets in use, refilled up to `now_us`."""

    @staticmethod
    def queries(accounts: list[str]) -> list[Query]:
        """Returns the statements whose rows `take` reads. The first one locks the accounts."""
        return [(READ_LOCKED, {"accounts": accounts}), (_COUNT, {"accounts": accounts})]

    @staticmethod
    async def ensure(transaction: Transaction, accounts: list[str]) -> None:
        """Creates the rows that lock accounts, always in the same order."""
        await transaction.execute_many(_ENSURE, [{"account": account} for account in sorted(accounts)])

    def take(self, stored: list[Row], open_calls: list[Row]) -> None:
        """Reads the rows of `queries`."""
        self.stored.update(((row[0], row[1]), (row[2], row[3])) for row in stored)
        self.open_calls.update((row[0], row[1]) for row in open_calls)

    async def load(self, transaction: Transaction, accounts: set[str]) -> None:
        """Reads the buckets of more accounts."""
        wanted = sorted(accounts - {account for account, _ in self.stored})
        if wanted:
            self.take(await transaction.fetch(READ_LOCKED, {"accounts": wanted}), [])

    def check(self, account: str, rates: RateLimits, likely_tokens: int) -> int | None:
        """Returns the tokens to take, or None without a token limit. Takes nothing yet. Raises RateLimited."""
        if rates.calls_per_minute is not None:
            wait_s = self._bucket(account, CALLS, rates.calls_per_minute).wait_s(1)
            if wait_s > 0:
                raise self._limited(account, rates, f"{rates.calls_per_minute} calls a minute", wait_s)
        tokens = None
        if rates.tokens_per_minute is not None:
            tokens = min(likely_tokens, rates.tokens_per_minute)
            wait_s = self._bucket(account, TOKENS, rates.tokens_per_minute).wait_s(max(tokens, 1))
            if wait_s > 0:
                raise self._limited(account, rates, f"{rates.tokens_per_minute} tokens a minute", wait_s)
        if rates.concurrent_calls is not None and self.open_calls.get(account, 0) >= rates.concurrent_calls:
            raise self._limited(account, rates, f"{rates.concurrent_calls} calls at once", BUSY_RETRY_AFTER_S)
        return tokens

    def spend(self, account: str, rates: RateLimits, tokens: int | None) -> None:
        """Takes one call and its tokens. Call `check` first."""
        if rates.calls_per_minute is not None:
            self._bucket(account, CALLS, rates.calls_per_minute).level -= 1
        if rates.tokens_per_minute is not None and tokens is not None:
            self._bucket(account, TOKENS, rates.tokens_per_minute).level -= tokens
        self.open_calls[account] = self.open_calls.get(account, 0) + 1

    def left(self, account: str, rates: RateLimits) -> RatesLeft:
        """Returns what is left of an account's rates."""
        return RatesLeft(
            calls=self._left(account, CALLS, rates.calls_per_minute),
            tokens=self._left(account, TOKENS, rates.tokens_per_minute),
        )

    def _left(self, account: str, kind: str, per_minute: int | None) -> RateLeft | None:
        if per_minute is None:
            return None
        bucket = self._bucket(account, kind, per_minute)
        return RateLeft(limit=per_minute, remaining=max(0, int(bucket.level)), reset_s=bucket.wait_s(float(per_minute)))

    def correct(self, account: str, rates: RateLimits, taken: int, used: int) -> None:
        """Replaces the tokens that a call took by the tokens that it used."""
        if rates.tokens_per_minute is not None and used != taken:
            bucket = self._bucket(account, TOKENS, rates.tokens_per_minute)
            bucket.level = min(bucket.capacity, bucket.level + taken - used)

    def may_write_refusal(self, account: str, per_minute: int) -> bool:
        """Returns whether one more refused call of the account gets a row."""
        bucket = self._bucket(account, REFUSED, per_minute)
        if bucket.wait_s(1) > 0:
            return False
        bucket.level -= 1
        return True

    async def write(self, transaction: Transaction) -> None:
        """Writes the buckets that have changed."""
        if not self.buckets:
            return
        await transaction.execute_many(
            _WRITE,
            [
                {"account": account, "kind": kind, "level": bucket.level, "updated_at": self.now_us}
                for (account, kind), bucket in sorted(self.buckets.items())
            ],
        )

    def _bucket(self, account: str, kind: str, per_minute: int) -> Bucket:
        bucket = self.buckets.get((account, kind))
        if bucket is None:
            level, updated_at = self.stored.get((account, kind), (float(per_minute), self.now_us))
            gained = max(0, self.now_us - updated_at) / _US_PER_MINUTE * per_minute
            bucket = Bucket(per_minute, min(float(per_minute), level + gained))
            self.buckets[account, kind] = bucket
        return bucket

    def _limited(self, account: str, rates: RateLimits, limit: str, wait_s: float) -> RateLimited:
        text = f"the limit of {account} is reached: {limit}"
        return RateLimited(text, retry_after_s=max(wait_s, 0.001), rates_left=self.left(account, rates))
