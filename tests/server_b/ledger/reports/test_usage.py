"""Usage summed by the day, by the hour and from the calls: all give the same result."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from llm_relay.errors import BudgetExceeded, InvalidRequest
from llm_relay.messages.accounts import Adjustment, CallQuery, Dimension, UsageGroup, UsageQuery
from server_b.ledger.base import Ledger
from server_b.ledger.books.reserving import REFUSED_ROWS_PER_MINUTE
from server_b.ledger.transactions import Store
from tests.server_b.ledger.ledger_calls import Clock, end_of, new_call, spend
from tests.support.money import select

pytestmark = pytest.mark.anyio


def by(groups: list[UsageGroup]) -> dict[tuple[str, ...], tuple[int, int]]:
    return {tuple(group.group.values()): (group.calls, group.nano_usd) for group in groups}


async def usage(ledger: Ledger, query: UsageQuery) -> dict[tuple[str, ...], tuple[int, int]]:
    return by(list(await ledger.usage(query)))


async def test_without_calls_there_is_one_group_of_zeros(ledger: Ledger) -> None:
    assert await ledger.usage(UsageQuery()) == [UsageGroup()]
    assert await ledger.usage(UsageQuery(by=(Dimension.CALLER,))) == []


async def test_everything_is_counted(ledger: Ledger, clock: Clock) -> None:
    await spend(ledger, clock.now, 500)
    await spend(ledger, clock.now, None, bound=900)
    key = await spend(ledger, clock.now, 0, "bob")
    ledger.note_joined(key)
    await ledger.reserve(new_call(clock.now))  # a call that runs does not count yet
    for until in (None, clock.now + timedelta(seconds=1)):  # from the totals, and from the calls of a part of an hour
        [group] = await ledger.usage(UsageQuery(until=until))
        assert group == UsageGroup(
            calls=3,
            unknown_cost_calls=1,
            joined=1,
            input_tokens=30,
            output_tokens=30,
            nano_usd=500,
            charged_nano_usd=1400,
        )


async def test_hours_and_calls_give_the_same_sums(ledger: Ledger, clock: Clock) -> None:
    """A query that begins within an hour reads calls at its ends; in a quarter-hour zone it reads only calls."""
    for number in range(60):
        at = clock.now - timedelta(minutes=17 * number)
        await spend(ledger, at, number, "alice" if number % 3 else "bob")
    for minutes in (0, 13, 60, 200, 1000):
        since, until = clock.now - timedelta(minutes=minutes), clock.now - timedelta(minutes=5)
        wanted = [n for n in range(60) if since <= clock.now - timedelta(minutes=17 * n) < until]
        [group] = await ledger.usage(UsageQuery(since=since, until=until))
        assert (group.calls, group.nano_usd) == (len(wanted), sum(wanted))
        days = await usage(ledger, UsageQuery(since=since, until=until, by=(Dimension.CALLER, Dimension.DAY)))
        near = await usage(
            ledger,
            UsageQuery(since=since, until=until, by=(Dimension.CALLER, Dimension.DAY), time_zone="Asia/Kathmandu"),
        )
        assert sum(calls for calls, _ in days.values()) == sum(calls for calls, _ in near.values()) == len(wanted)


async def test_days_and_hours_are_those_of_the_zone(ledger: Ledger, clock: Clock) -> None:
    since = datetime(2026, 11, 1, tzinfo=UTC)
    for at in (datetime(2026, 11, 20, 23, 20, tzinfo=UTC), datetime(2026, 11, 20, 18, 20, tzinfo=UTC)):
        await spend(ledger, at, 1)
    expected = {
        "UTC": {("2026-11-20T18:00",), ("2026-11-20T23:00",)},
        "Europe/Berlin": {("2026-11-20T19:00",), ("2026-11-21T00:00",)},
        "Asia/Kathmandu": {("2026-11-21T00:00",), ("2026-11-21T05:00",)},
        "America/St_Johns": {("2026-11-20T14:00",), ("2026-11-20T19:00",)},
    }
    for zone, hours in expected.items():
        found = await usage(ledger, UsageQuery(since=since, by=(Dimension.HOUR,), time_zone=zone))
        assert set(found) == hours
        days = await usage(ledger, UsageQuery(since=since, by=(Dimension.DAY,), time_zone=zone))
        assert set(days) == {(hour[:10],) for (hour,) in hours}


async def test_a_day_with_25_hours_is_one_day(ledger: Ledger, clock: Clock) -> None:
    """Both hours from two to three on 25 October 2026 in Berlin are one hour of that day's list."""
    for hour in (22, 23, 24, 25, 46):
        await spend(ledger, datetime(2026, 10, 24, tzinfo=UTC) + timedelta(hours=hour), 1)
    query = UsageQuery(since=datetime(2026, 10, 1, tzinfo=UTC), by=(Dimension.DAY,), time_zone="Europe/Berlin")
    assert await usage(ledger, query) == {("2026-10-25",): (5, 5)}


async def test_the_default_is_this_month_in_the_zone(ledger: Ledger, clock: Clock) -> None:
    await spend(ledger, datetime(2026, 10, 31, 23, 30, tzinfo=UTC), 1)
    assert await usage(ledger, UsageQuery()) == {(): (0, 0)}
    assert await usage(ledger, UsageQuery(time_zone="Europe/Berlin")) == {(): (1, 1)}


async def test_groups_are_sorted_and_have_the_querys_dimensions(ledger: Ledger, clock: Clock) -> None:
    for caller in ("carol", "alice", "bob"):
        await spend(ledger, clock.now, 1, caller)
    groups = await ledger.usage(UsageQuery(by=(Dimension.MODEL, Dimension.CALLER)))
    assert [dict(group.group) for group in groups] == [
        {"model": "gpt-5", "caller": caller} for caller in ("alice", "bob", "carol")
    ]


async def test_filters_choose_the_calls_that_count(ledger: Ledger, clock: Clock) -> None:
    await spend(ledger, clock.now, 1, "gateway/alice", tags={"project": "a"})
    await spend(ledger, clock.now, 20, "bob")
    assert await usage(ledger, UsageQuery(caller="alice")) == {(): (1, 1)}
    assert await usage(ledger, UsageQuery(tag="project=a")) == {(): (1, 1)}
    assert await usage(ledger, UsageQuery(tag="project")) == {(): (1, 1)}
    assert await usage(ledger, UsageQuery(model="gpt-5", provider="openai", protocol="grpc")) == {(): (2, 21)}
    for none in (
        UsageQuery(model="x"),
        UsageQuery(provider="x"),
        UsageQuery(protocol="x"),
        UsageQuery(tag="project=b"),
    ):
        assert await usage(ledger, none) == {(): (0, 0)}


async def test_usage_is_grouped_by_a_tag(ledger: Ledger, clock: Clock) -> None:
    for project in ("b", "a", "b"):
        await spend(ledger, clock.now, 1, tags={"project": project, "user": str(len(project))})
    await spend(ledger, clock.now, 20)
    query = UsageQuery(by=(Dimension.TAG, Dimension.CALLER), tag_key="project")
    assert await usage(ledger, query) == {("", "alice"): (1, 20), ("a", "alice"): (1, 1), ("b", "alice"): (2, 2)}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (UsageQuery(time_zone="Mars/Base"), "time_zone"),
        (UsageQuery(by=(Dimension.TAG,)), "tag_key"),
        (UsageQuery(tag_key="x"), "tag_key"),
        (UsageQuery(by=(Dimension.DAY, Dimension.DAY)), "by"),
    ],
)
async def test_a_faulty_query_names_its_field(ledger: Ledger, query: UsageQuery, field: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{field}:"):
        await ledger.usage(query)


async def test_lost_and_refused_calls_count_as_failures(ledger: Ledger, clock: Clock) -> None:
    call = new_call(clock.now)
    await ledger.reserve(call)
    await ledger.settle(end_of(call, None, tokens=None, may_have_worked=False))
    [group] = await ledger.usage(UsageQuery())
    assert (group.calls, group.nano_usd, group.unknown_cost_calls, group.charged_nano_usd) == (1, 0, 0, 0)


@pytest.mark.parametrize("by", [(), (Dimension.OUTCOME,), (Dimension.HOUR,), (Dimension.DAY, Dimension.CALLER)])
async def test_refused_calls_without_a_row_are_counted_at_once(
    ledger: Ledger, clock: Clock, by: tuple[Dimension, ...]
) -> None:
    refused = REFUSED_ROWS_PER_MINUTE + 5
    for _ in range(refused):
        with pytest.raises(BudgetExceeded):
            await ledger.reserve(replace(new_call(clock.now), refusal=BudgetExceeded(scope="call")))
    for until in (None, clock.now + timedelta(days=1)):
        [group] = await ledger.usage(UsageQuery(by=by, until=until))
        assert (group.calls, group.failed) == (refused, refused)


@pytest.mark.parametrize("key", ['say "hi"', "a\\b", "zürich", "$.a", "tab\there", "a, b: c"])
async def test_a_tags_key_may_be_any_text(ledger: Ledger, clock: Clock, key: str) -> None:
    await spend(ledger, clock.now, 3, tags={key: "v", "other": "x"})
    query = UsageQuery(by=(Dimension.TAG,), tag_key=key)
    assert await usage(ledger, query) == {("v",): (1, 3)}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu"])
async def test_every_table_adds_up_to_the_calls(ledger: Ledger, store: Store, clock: Clock, zone: str) -> None:
    """Every query is the sum of its calls, from whole days, whole hours and the rest, with corrections included."""
    for number in range(120):
        key = await spend(ledger, clock.now - timedelta(hours=number, minutes=7 * number), number or None, bound=1000)
        if number % 40 == 0:
            await ledger.adjust(Adjustment(call_id=key, nano_usd=3, reason="late bill"), by="root")
    calls = (await ledger.calls(CallQuery(limit=1000))).calls
    for span in (timedelta(minutes=20), timedelta(hours=30), timedelta(days=2), timedelta(days=4, hours=5, minutes=3)):
        for until in (clock.now, clock.now - timedelta(hours=26, minutes=11)):
            counted = [call for call in calls if until - span <= call.started_at < until]
            for dimensions in ((Dimension.MODEL,), (Dimension.DAY,), (Dimension.HOUR,)):
                groups = await ledger.usage(UsageQuery(since=until - span, until=until, by=dimensions, time_zone=zone))
                assert sum(group.calls for group in groups) == len(counted)
                assert sum(group.nano_usd for group in groups) == sum(call.nano_usd or 0 for call in counted)
                assert sum(group.charged_nano_usd for group in groups) == sum(call.charged_nano_usd for call in counted)
                if dimensions == (Dimension.DAY,):
                    days = {f"{call.started_at.astimezone(ZoneInfo(zone)):%Y-%m-%d}" for call in counted}
                    assert {group.group["day"] for group in groups} == days
    hours = await select(store, "SUM(calls), SUM(nano_usd), SUM(charged_nano_usd)", "usage_hours")
    assert await select(store, "SUM(calls), SUM(nano_usd), SUM(charged_nano_usd)", "usage_days") == hours
