"""Usage: calls added up by what a query groups by.

Whole hours are read from `usage_hours`, whose rows are few. The calls themselves are read for what the hours cannot
tell: tags, and the parts of hours at the ends of the query's time or in zones that are not whole hours off UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import Dimension, Period, UsageGroup, UsageQuery
from server_b.ledger.reports.grouping import Grouping
from server_b.ledger.tag_search import HAS_TAG, tag_params
from server_b.ledger.times import US_PER_HOUR, US_PER_S, to_us
from server_b.ledger.transactions import Row, Transaction
from server_b.ledger.windows import window_at

SKEW_S = 60
"""How far in the future a call's beginning may be and count as of now: the clocks of servers differ."""
_QUARTER_US = US_PER_HOUR // 4
"""The offsets of all zones of now are multiples of this."""
_TIMES = frozenset({Dimension.DAY, Dimension.HOUR})
_COLUMNS = {
    Dimension.CALLER: "account",
    Dimension.MODEL: "model",
    Dimension.PROVIDER: "provider",
    Dimension.PROTOCOL: "protocol",
    Dimension.OUTCOME: "outcome",
    Dimension.TAG: "tags",
}
_SUMMED = (
    "joined", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "nano_usd", "charged_nano_usd",
)  # fmt: skip
_HOUR_COUNTS = ", ".join(f"CAST(SUM({name}) AS BIGINT)" for name in ("calls", "failed", "unknown_cost_calls", *_SUMMED))
_CALL_COUNTS = ", ".join(
    (
        "COUNT(*)",
        "CAST(SUM(is_failed) AS BIGINT)",
        "CAST(SUM(CASE WHEN nano_usd IS NULL THEN 1 ELSE 0 END) AS BIGINT)",
        *(f"CAST(SUM({name}) AS BIGINT)" for name in _SUMMED),
    )
)


async def read_usage(transaction: Transaction, query: UsageQuery, now: datetime) -> Sequence[UsageGroup]:
    """Adds calls up, in order of their groups; without groups, one row. Raises InvalidRequest."""
    since, until = _span(query, now)
    grouping = Grouping(query)
    first, last = -(-since // US_PER_HOUR) * US_PER_HOUR, until // US_PER_HOUR * US_PER_HOUR
    if first >= last or _needs_calls(query, since, until):
        grouping.add(await _from_calls(transaction, query, since, until))
    else:
        grouping.add(await _from_hours(transaction, query, first, last))
        for start, end in ((since, first), (last, until)):
            if start < end:
                grouping.add(await _from_calls(transaction, query, start, end))
    return grouping.groups()


def _span(query: UsageQuery, now: datetime) -> tuple[int, int]:
    """Returns the time of a query in microseconds."""
    try:
        month = window_at(Period.MONTH, query.time_zone, now)
    except (OSError, ValueError, LookupError) as error:
        violation = Violation("time_zone", "must be an IANA time zone, such as UTC or Europe/Berlin")
        raise InvalidRequest.of(violation) from error
    if (Dimension.TAG in query.by) != bool(query.tag_key):
        raise InvalidRequest.of(Violation("tag_key", "must be the key that tag groups by, and empty without tag"))
    if len(set(query.by)) < len(query.by):
        raise InvalidRequest.of(Violation("by", "must name each dimension once at most"))
    since = month.starts_at if query.since is None else to_us(query.since)
    until = to_us(now) + SKEW_S * US_PER_S if query.until is None else to_us(query.until)
    return since, max(since, until)


def _needs_calls(query: UsageQuery, since: int, until: int) -> bool:
    if query.tag or query.tag_key:
        return True
    if _TIMES.isdisjoint(query.by):
        return False
    zone = ZoneInfo(query.time_zone)
    return any(_offset_s(zone, at) % 3600 for at in (*range(since, until, 24 * US_PER_HOUR), until))


def _offset_s(zone: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at // US_PER_S, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


async def _from_hours(transaction: Transaction, query: UsageQuery, since: int, until: int) -> list[Row]:
    """Returns rows of the time, the dimensions and the counts."""
    conditions, params = _filters(query, since, until)
    sql = _select(query, "usage_hours", "hour", _HOUR_COUNTS, ["hour >= :since", "hour < :until", *conditions])
    return await transaction.fetch(sql, params)


async def _from_calls(transaction: Transaction, query: UsageQuery, since: int, until: int) -> list[Row]:
    conditions, params = _filters(query, since, until)
    if query.tag:
        conditions.append(HAS_TAG)
        params |= tag_params(query.tag)
    conditions += ["started_at >= :since", "started_at < :until", "state <> 'open'"]
    time = f"started_at / {_QUARTER_US} * {_QUARTER_US}"
    return await transaction.fetch(_select(query, "calls", time, _CALL_COUNTS, conditions), params)


def _select(query: UsageQuery, table: str, time: str, counts: str, conditions: list[str]) -> str:
    columns = [_COLUMNS[dimension] for dimension in query.by if dimension in _COLUMNS]
    by_time = [] if _TIMES.isdisjoint(query.by) else [time]
    groups = [*by_time, *columns]
    selected = ", ".join((*(by_time or ["0"]), *columns, counts))
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    return f"SELECT {selected} FROM {table} WHERE {' AND '.join(conditions)}{grouped}"  # noqa: S608 - of this file


def _filters(query: UsageQuery, since: int, until: int) -> tuple[list[str], dict[str, object]]:
    wanted = {
        "account": query.caller.rpartition("/")[2],
        "model": query.model,
        "provider": query.provider,
        "protocol": query.protocol,
    }
    params: dict[str, object] = {name: value for name, value in wanted.items() if value}
    return [f"{name} = :{name}" for name in params], params | {"since": since, "until": until}
