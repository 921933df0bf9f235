"""Lists of calls."""

from dataclasses import replace
from datetime import timedelta

import pytest

from llm_relay.errors import InvalidRequest
from llm_relay.messages.accounts import CallEntry, CallQuery, CallState
from server_b.ledger.base import Ledger
from tests.server_b.ledger.ledger_calls import Clock, end_of, new_call, spend

pytestmark = pytest.mark.anyio


async def ids(ledger: Ledger, query: CallQuery) -> list[str]:
    return [call.id for call in (await ledger.calls(query)).calls]


async def test_a_call_is_listed_with_all_its_facts(ledger: Ledger, clock: Clock) -> None:
    call = new_call(clock.now, "gateway/alice", tags={"project": "sök"})
    await ledger.reserve(call)
    end = end_of(call, 700)
    await ledger.settle(end)
    [found] = (await ledger.calls(CallQuery())).calls
    assert found == CallEntry(
        id=call.id,
        request_id=call.request_id,
        caller="gateway/alice",
        protocol="grpc",
        provider="openai",
        model="gpt-5",
        state=CallState.SETTLED,
        outcome="stop",
        input_tokens=10,
        output_tokens=10,
        accuracy="exact",
        nano_usd=700,
        reserved_nano_usd=1000,
        charged_nano_usd=700,
        started_at=call.started_at,
        ended_at=end.ended_at,
        duration_s=1.0,
        tags={"project": "sök"},
        attempts=end.attempts,
    )


async def test_pages_stay_the_same_while_calls_begin(ledger: Ledger, clock: Clock) -> None:
    made = [await spend(ledger, clock.now + timedelta(seconds=number // 3), 1) for number in range(10)]
    page = await ledger.calls(CallQuery(limit=4))
    pages = [page]
    while page.next_page_token:
        await spend(ledger, clock.now + timedelta(minutes=1), 1)
        page = await ledger.calls(CallQuery(limit=4, page_token=page.next_page_token))
        pages.append(page)
    assert [len(page.calls) for page in pages] == [4, 4, 2]
    told = [call for page in pages for call in page.calls]
    assert {call.id for call in told} == set(made)
    assert told == sorted(told, key=lambda call: (call.started_at, call.id), reverse=True)


async def test_filters_choose_the_calls(ledger: Ledger, clock: Clock) -> None:
    a = new_call(clock.now, "gateway/alice", tags={"project": "a"})
    b = replace(
        new_call(clock.now - timedelta(hours=1), "alice"),
        model="other",
        provider="bedrock",
        protocol="mcp",
        request_id="r",
    )
    c = new_call(clock.now - timedelta(hours=2), "bob", bound=None)
    for call in (a, b, c):
        await ledger.reserve(call)
    await ledger.settle(replace(end_of(a, 5), outcome="length"))
    await ledger.settle(end_of(c, None))
    for query, found in (
        (CallQuery(), [a, b, c]),
        (CallQuery(call_id=b.id), [b]),
        (CallQuery(request_id="r"), [b]),
        (CallQuery(caller="alice"), [a, b]),
        (CallQuery(caller="gateway/alice"), [a]),
        (CallQuery(model="other"), [b]),
        (CallQuery(provider="bedrock"), [b]),
        (CallQuery(protocol="mcp"), [b]),
        (CallQuery(state=CallState.OPEN), [b]),
        (CallQuery(outcome="length"), [a]),
        (CallQuery(tag="project=a"), [a]),
        (CallQuery(tag="project"), [a]),
        (CallQuery(tag="proj"), []),
        (CallQuery(is_cost_unknown=True), [c]),
        (CallQuery(since=b.started_at), [a, b]),
        (CallQuery(until=b.started_at), [c]),
    ):
        assert await ids(ledger, query) == [call.id for call in found], query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (CallQuery(limit=0), "limit"),
        (CallQuery(limit=1001), "limit"),
        (CallQuery(page_token="x"), "page_token"),
        (CallQuery(page_token="é"), "page_token"),
        (CallQuery(page_token="eCB5"), "page_token"),
    ],
)
async def test_a_faulty_query_names_its_field(ledger: Ledger, query: CallQuery, field: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{field}:"):
        await ledger.calls(query)
