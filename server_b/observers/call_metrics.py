"""Metrics of calls: how many, how long, how many tokens, how much money, and why they failed.

Names follow OpenTelemetry's conventions for generative AI where those have one
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/), and begin with `relay_` where they have none.
No label holds an id, a tag or text; callers and models are limited in number.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.errors import Cancelled, RelayError
from llm_relay.messages.accounts import Budget
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.record import CallRecord, RefusedRecord, SharedRecord
from server_b.ledger.base import Ledger

PROGRAM = "server_b"
OTHER = "other"
MOST_NAMES = 500
"""Most callers, and most models, with a label of their own; further ones are counted as OTHER."""
GAUGE_PAUSE_S = 1.0
BUDGET_SECONDS = 10
"""How often budgets are read, in seconds."""

_TOKENS = tuple(4**power for power in range(14))
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_WHAT = ("program", "provider", "model", "protocol")
_WHO = ("program", "caller", "provider", "model")

TOKENS = Histogram("gen_ai_client_token_usage", "Tokens of a call.", (*_WHO, "protocol", "token_type"), buckets=_TOKENS)
DURATION = Histogram(
    "gen_ai_server_request_duration_seconds", "From admission to the end.", (*_WHAT, "reason"), buckets=_SECONDS
)
FIRST_TOKEN = Histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "From admission to the first event.",
    _WHAT,
    buckets=_SECONDS,
)
CALLS = Counter("relay_calls", "Calls that have ended, by finish reason or error.", (*_WHO, "protocol", "reason"))
COST = Counter("relay_cost_usd", "What calls cost by list price, in USD.", _WHO)
UNKNOWN_COST = Counter("relay_unknown_cost_calls", "Calls whose cost is not known.", _WHO)
OVERRUN = Counter("relay_overrun_calls", "Calls that cost more than was reserved for them.", _WHO)
ABANDONED = Counter("relay_abandoned_calls", "Calls that their callers left before the end.", ("program", "protocol"))
SHARED = Counter(
    "relay_joined_calls",
    "Requests that got another request's answer: joined while it ran, or replayed from memory.",
    ("program", "caller", "protocol", "reason"),
)
RETRIES = Counter("relay_retries", "Times that a provider was asked again for the same call.", ("program", "provider"))
FALLBACKS = Counter(
    "relay_fallbacks", "Times that a provider was asked because another one had failed.", ("program", "provider")
)
FAILED_ATTEMPTS = Counter(
    "relay_failed_attempts", "Requests to a provider that failed, by error.", ("program", "provider", "reason")
)
REFUSED = Counter(
    "relay_refused_calls", "Calls that were refused before they were admitted.", ("program", "protocol", "reason")
)
LEDGER_LAG = Gauge(
    "relay_ledger_lag_seconds",
    "How long the oldest unwritten entry has waited to be written into the ledger.",
    ("program",),
    multiprocess_mode="livemax",
)
BUDGET_LEFT = Gauge(
    "relay_budget_left_usd",
    "What is left of a budget in its window, in USD.",
    ("program", "budget", "period"),
    multiprocess_mode="mostrecent",
)
RUNNING = Gauge("relay_calls_running", "Calls that run now.", ("program",), multiprocess_mode="livesum")


class CallMetrics:
    """Counts calls, as an observer of the Relay."""

    def __init__(self) -> None:
        self._callers, self._models = _Names(), _Names()
        self._series: dict[tuple[str, ...], _Series] = {}

    def call_ended(self, record: CallRecord) -> None:
        """Counts a call."""
        answered = record.first_token_s is not None
        key = (
            self._callers.known(record.key.caller),
            record.provider,
            # Callers may ask for any name: only a model that has answered gets a label.
            self._models.known(record.finished.model) if answered else self._models.seen(record.finished.model),
            record.protocol,
            record.outcome,
        )
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series.of(*key)
        series.count(record)
        if record.overrun_nano_usd:
            OVERRUN.labels(PROGRAM, *key[:3]).inc()
        if isinstance(record.error, Cancelled):
            ABANDONED.labels(PROGRAM, record.protocol).inc()
        if len(record.attempts) > 1 or record.error is not None:
            _count_attempts(record.attempts)

    def call_shared(self, record: SharedRecord) -> None:
        """Counts a request that got another request's answer."""
        SHARED.labels(PROGRAM, self._callers.known(record.key.caller), record.protocol, record.outcome).inc()

    def call_refused(self, record: RefusedRecord) -> None:
        """Counts a call that was not admitted."""
        REFUSED.labels(PROGRAM, record.protocol, record.error.reason).inc()

    def close(self) -> None:
        """Does nothing: the counts are in the metrics files already."""


@dataclass(frozen=True, slots=True)
class _Series:
    """The time series of calls with the same labels."""

    calls: Any
    cost: Any
    unknown: Any
    inputs: Any
    outputs: Any
    duration: Any
    first_token: Any

    @classmethod
    def of(cls, caller: str, provider: str, model: str, protocol: str, reason: str) -> _Series:
        who, what = (PROGRAM, caller, provider, model), (PROGRAM, provider, model, protocol)
        return cls(
            calls=CALLS.labels(*who, protocol, reason),
            cost=COST.labels(*who),
            unknown=UNKNOWN_COST.labels(*who),
            inputs=TOKENS.labels(*who, protocol, "input"),
            outputs=TOKENS.labels(*who, protocol, "output"),
            duration=DURATION.labels(*what, reason),
            first_token=FIRST_TOKEN.labels(*what),
        )

    def count(self, record: CallRecord) -> None:
        finished = record.finished
        self.calls.inc()
        self.duration.observe(finished.duration_s)
        if record.first_token_s is not None:
            self.first_token.observe(record.first_token_s)
        if finished.usage.input_tokens is not None:
            self.inputs.observe(finished.usage.input_tokens)
        if finished.usage.output_tokens is not None:
            self.outputs.observe(finished.usage.output_tokens)
        if finished.cost.usd is None:
            self.unknown.inc()
        else:
            self.cost.inc(float(finished.cost.usd))


class _Names:
    """Names that have a label of their own."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def known(self, name: str) -> str:
        """Returns the name, or OTHER if there are too many names."""
        if name not in self._names:
            if len(self._names) >= MOST_NAMES:
                return OTHER
            self._names.add(name)
        return name

    def seen(self, name: str) -> str:
        """Returns the name if it has a label already; otherwise OTHER."""
        return name if name in self._names else OTHER


def _count_attempts(attempts: tuple[Attempt, ...]) -> None:
    former: Attempt | None = None
    for attempt in attempts:
        if former is not None:
            again = RETRIES if attempt.round > former.round or former.was_repeated else FALLBACKS
            again.labels(PROGRAM, attempt.provider).inc()
        if attempt.error is not None:
            FAILED_ATTEMPTS.labels(PROGRAM, attempt.provider, attempt.error.reason).inc()
        former = attempt


class Gauges:
    """Updates the gauges: every second, and every ten seconds for budgets."""

    def __init__(self, running: Callable[[], int], ledger: Ledger | None) -> None:
        """`running` returns how many calls run; `ledger` is None with LEDGER=off."""
        self._running = running
        self._ledger = ledger
        self._budgets = BudgetGauge()
        self._task = asyncio.create_task(self._keep())

    def stop(self) -> None:
        """Stops the updates, and sets the number of running calls to 0."""
        self._task.cancel()
        RUNNING.labels(PROGRAM).set(0)

    async def _keep(self) -> None:
        for second in itertools.count():
            RUNNING.labels(PROGRAM).set(self._running())
            if self._ledger is not None:
                LEDGER_LAG.labels(PROGRAM).set(self._ledger.lag_s)
                if second % BUDGET_SECONDS == 0:
                    with contextlib.suppress(RelayError):  # the lag shows that the ledger cannot be read
                        self._budgets.show(await self._ledger.list_budgets())
            await asyncio.sleep(GAUGE_PAUSE_S)


class BudgetGauge:
    """Shows what is left of each budget."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, str]] = set()

    def show(self, budgets: Iterable[Budget]) -> None:
        """Shows these budgets. What is left of a budget that was shown before and is deleted becomes NaN.

        Metrics of several processes cannot be removed, and the last value would look like a budget that is spent.
        """
        now = datetime.now(UTC)
        left = {
            (budget.scope, budget.period.value): budget.limit_at(now) - budget.spent_nano_usd - budget.reserved_nano_usd
            for budget in itertools.islice(budgets, MOST_NAMES)
        }
        for name in self._shown - left.keys():
            BUDGET_LEFT.labels(PROGRAM, *name).set(math.nan)
        for name, nano_usd in left.items():
            BUDGET_LEFT.labels(PROGRAM, *name).set(nano_usd / NANO_USD_PER_USD)
        self._shown = set(left)
