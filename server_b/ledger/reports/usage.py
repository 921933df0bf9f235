"""Usage: calls added up by the dimensions of a query.

Whole days of UTC are read from `usage_days`, which has the fewest rows. Hours, the days of other zones, and the partial
days at both ends of a query are read from `usage_hours`. Tags and partial hours are read from the calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import Dimension, Period, UsageGroup, UsageQuery
from server_b.ledger.reports.grouping import Grouping
from server_b.ledger.reports.local_time import is_whole_hours, local_time, offsets
from server_b.ledger.tag_search import HAS_TAG, TAG_VALUE, tag_params, value_params
from server_b.ledger.times import US_PER_DAY, US_PER_HOUR, US_PER_S, to_us
from server_b.ledger.transactions import Row, Transaction
from server_b.ledger.windows import window_at

SKEW_S = 60
"""How far in the future a call may have begun and still be counted, in seconds: the clocks of servers differ."""
_TIMES = frozenset({Dimension.DAY, Dimension.HOUR})
_SUMMED = (
    "joined", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "nano_usd", "charged_nano_usd",
)  # fmt: skip
_SUMS = [f"CAST(SUM({name}) AS BIGINT)" for name in ("calls", "failed", "unknown_cost_calls", *_SUMMED)]
_CALL_COUNTS = [
    "COUNT(*)",
    "CAST(SUM(is_failed) AS BIGINT)",
    "CAST(SUM(CASE WHEN nano_usd IS NULL THEN 1 ELSE 0 END) AS BIGINT)",
    *(f"CAST(SUM({name}) AS BIGINT)" for name in _SUMMED),
]


@dataclass(frozen=True, slots=True)
class _Source:
    """A table that usage can be read from."""

    table: str
    time: str
    """The column with the time."""
    unit_us: int
    """How much time one row covers."""
    counts: Sequence[str]
    condition: str = "1 = 1"


_CALLS = _Source("calls", "started_at", 1, _CALL_COUNTS, "state <> 'open'")
_HOURS = _Source("usage_hours", "hour", US_PER_HOUR, _SUMS)
_DAYS = _Source("usage_days", "day", US_PER_DAY, _SUMS)


async def read_usage(transaction: Transaction, query: UsageQuery, now: datetime) -> Sequence[Row]:
    """Reads rows for `groups_of`. Several rows may belong to one group. Raises InvalidRequest."""
    since, until = _span(query, now)
    reading = _Reading(transaction, query, offsets(query.time_zone, since, until))
    sources = reading.sources
    return [
        row for source, start, end in _parts(since, until, sources) for row in await reading.rows(source, start, end)
    ]


def _parts(since: int, until: int, sources: Sequence[_Source]) -> Iterator[tuple[_Source, int, int]]:
    """Yields which span is read from which table: as much as possible from the first, the rest from the next ones."""
    if since >= until:
        return
    source, *others = sources
    first, last = -(-since // source.unit_us) * source.unit_us, until // source.unit_us * source.unit_us
    if first >= last:
        yield from _parts(since, until, others)
        return
    yield from _parts(since, first, others)
    yield source, first, last
    yield from _parts(last, until, others)


def groups_of(query: UsageQuery, rows: Sequence[Row]) -> Sequence[UsageGroup]:
    """Merges rows into groups, in order; without dimensions, into one group."""
    grouping = Grouping(query.by)
    grouping.add(rows)
    return grouping.groups()


def _span(query: UsageQuery, now: datetime) -> tuple[int, int]:
    """Returns the start and the end of a query, in microseconds. The end may be later than now."""
    try:
        month = window_at(Period.MONTH, query.time_zone, now)
    except (OSError, ValueError, LookupError) as error:
        violation = Violation("time_zone", "must be an IANA time zone, such as UTC or Europe/Berlin")
        raise InvalidRequest.of(violation) from error
    if (Dimension.TAG in query.by) != bool(query.tag_key):
        raise InvalidRequest.of(Violation("tag_key", "must be a tag's key if by contains tag, and empty otherwise"))
    if len(set(query.by)) < len(query.by):
        raise InvalidRequest.of(Violation("by", "must name each dimension at most once"))
    latest = to_us(now) + SKEW_S * US_PER_S
    since = month.starts_at if query.since is None else min(max(0, to_us(query.since)), latest)
    if query.until is not None and to_us(query.until) < latest:
        return since, max(since, to_us(query.until))
    # To the end of today: the current hour is then read from its totals, which have refused calls without a row too.
    return since, -(-latest // US_PER_DAY) * US_PER_DAY


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads the rows of one query: its dimensions in order, then the counts."""

    transaction: Transaction
    query: UsageQuery
    offsets: list[tuple[int, int]]

    @property
    def sources(self) -> Sequence[_Source]:
        """The tables that can answer the query, fewest rows first. The last one covers any span."""
        is_by_time = not _TIMES.isdisjoint(self.query.by)
        if self.query.tag or self.query.tag_key or (is_by_time and not is_whole_hours(self.offsets)):
            return (_CALLS,)
        if Dimension.HOUR in self.query.by or (is_by_time and any(offset for _, offset in self.offsets)):
            return (_HOURS, _CALLS)
        return (_DAYS, _HOURS, _CALLS)

    async def rows(self, source: _Source, since: int, until: int) -> list[Row]:
        """Reads a span from a table."""
        params: dict[str, object] = {"since": since, "until": until}
        if source is _CALLS:
            params |= value_params(self.query.tag_key)
        conditions = [f"{source.time} >= :since", f"{source.time} < :until", source.condition]
        for column, value in (
            ("account", self.query.caller.rpartition("/")[2]),
            ("model", self.query.model),
            ("provider", self.query.provider),
            ("protocol", self.query.protocol),
        ):
            if value:
                conditions.append(f"{column} = :{column}")
                params[column] = value
        if self.query.tag:
            conditions.append(HAS_TAG)
            params |= tag_params(self.query.tag)
        columns = [self._column(dimension, source.time) for dimension in self.query.by]
        # Where a row covers a day, group by the column itself: rows then come in key order, without sorting.
        is_by_day = source is _DAYS
        groups = ", ".join(
            source.time if is_by_day and dimension is Dimension.DAY else str(number)
            for number, dimension in enumerate(self.query.by, start=1)
        )
        return await self.transaction.fetch(
            f"SELECT {', '.join((*columns, *source.counts))} FROM {source.table} WHERE {' AND '.join(conditions)}"  # noqa: S608
            + (f" GROUP BY {groups}" if groups else ""),
            params,
        )

    def _column(self, dimension: Dimension, time: str) -> str:
        match dimension:
            case Dimension.CALLER:
                return "account"
            case Dimension.DAY:
                return f"{local_time(time, self.offsets)} / {US_PER_DAY}"
            case Dimension.HOUR:
                return f"{local_time(time, self.offsets)} / {US_PER_HOUR}"
            case Dimension.TAG:
                return TAG_VALUE
            case _:
                return str(dimension.value)
