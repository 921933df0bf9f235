"""Account messages survive the wire, with all fields and with none; a missing required field is named."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, datetime
from typing import Any

import pytest

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.errors import InvalidRequest
from llm_relay.messages.accounts import (
    AuditEntry,
    Budget,
    CallAttempt,
    CallEntry,
    CallerAccount,
    CallQuery,
    CallState,
    Dimension,
    Identity,
    Period,
    Price,
    PriceFound,
    RateLimits,
    Repricing,
    TokenInfo,
    UsageGroup,
    UsageQuery,
)
from llm_relay.wire.accounts import messages
from llm_relay.wire.accounts.mapping import Shape

AT = datetime(2026, 11, 26, 12, 30, 1, 250_000, UTC)
LATER = datetime(2026, 12, 1, tzinfo=UTC)
ACCOUNT = CallerAccount(
    name="alice",
    parent="team",
    is_admin=True,
    is_disabled=True,
    models=("openai/*", "mock/mock-model"),
    rates=RateLimits(calls_per_minute=1, tokens_per_minute=2**40, concurrent_calls=3),
    tags={"project": "x"},
    created_at=AT,
)
BUDGET = Budget(
    id="b1",
    caller="team",
    period=Period.WEEK,
    time_zone="Europe/Oslo",
    limit_nano_usd=2**60,
    is_warning_only=True,
    raised_by_nano_usd=5,
    raised_until=LATER,
    created_at=AT,
    spent_nano_usd=6,
    reserved_nano_usd=7,
    starts_at=AT,
    resets_at=LATER,
)
PRICE = Price(
    id="p1", pattern="openai/*", input=1, output=2, cache_read=0, cache_write=4, valid_from=AT, valid_until=LATER
)
ATTEMPT = CallAttempt(
    provider="openai", model="gpt-4o", started_at=AT, ended_at=LATER, outcome="PROVIDER_AUTH", may_have_worked=False
)
CALL = CallEntry(
    id="c1",
    request_id="r1",
    caller="gateway/alice",
    protocol="openai",
    provider="openai",
    model="gpt-4o",
    state=CallState.LOST,
    outcome="stop",
    input_tokens=0,
    output_tokens=2,
    cache_read_tokens=3,
    cache_write_tokens=4,
    reasoning_tokens=5,
    accuracy="exact",
    nano_usd=0,
    reserved_nano_usd=7,
    charged_nano_usd=8,
    is_overrun=True,
    price_source="genai-prices",
    service_tier="flex",
    joined=9,
    started_at=AT,
    ended_at=LATER,
    first_token_s=0.25,
    duration_s=1.5,
    tags={"a": "b"},
    trace_id="t",
    attempts=(ATTEMPT, ATTEMPT),
)
USAGE = UsageQuery(
    by=tuple(Dimension),
    tag_key="project",
    since=AT,
    until=LATER,
    time_zone="Europe/Oslo",
    caller="alice",
    model="m",
    provider="p",
    protocol="mcp",
    tag="a=b",
)
CALLS = CallQuery(
    page_token="t",
    call_id="c",
    request_id="r",
    caller="alice",
    model="m",
    provider="p",
    protocol="grpc",
    state=CallState.OPEN,
    outcome="stop",
    tag="a",
    is_cost_unknown=True,
    since=AT,
    until=LATER,
)
WHOLE: list[tuple[Shape[Any, Any], Any]] = [
    (messages.CALLER_ACCOUNT, ACCOUNT),
    (
        messages.TOKEN_INFO,
        TokenInfo(id="1", caller="a", label="l", created_at=AT, expires_at=LATER, revoked_at=LATER, signed_in_with="m"),
    ),
    (messages.BUDGET, BUDGET),
    (messages.BUDGET, dataclasses.replace(BUDGET, caller="", tag="a=b")),
    (messages.PRICE, PRICE),
    (messages.PRICE_FOUND, PriceFound(provider="openai", model="m", price=PRICE, source="PRICES")),
    (messages.REPRICING, Repricing(priced=1, nano_usd=2, unknown=3)),
    (messages.CALL_ATTEMPT, ATTEMPT),
    (messages.CALL_ENTRY, CALL),
    (messages.AUDIT_ENTRY, AuditEntry(id="1", at=AT, by="root", action="budget.put", subject="alice", detail="{}")),
    (
        messages.IDENTITY,
        Identity(name="g/alice", is_admin=True, account=ACCOUNT, budgets=(BUDGET,), signed_in_with="m"),
    ),
    (messages.USAGE_QUERY, USAGE),
    (messages.CALL_QUERY, CALLS),
]


@pytest.mark.parametrize(
    ("shape", "data"), WHOLE, ids=[f"{type(data).__name__}-{place}" for place, (_, data) in enumerate(WHOLE)]
)
def test_every_field_survives(shape: Shape[Any, Any], data: Any) -> None:
    parsed = type(message := shape.to_wire(data)).FromString(message.SerializeToString())
    assert shape.from_wire(parsed, strict=True) == data
    defaults = {field.name for field in dataclasses.fields(data) if getattr(data, field.name) == field.default}
    assert defaults <= {"limit", "caller", "tag"}  # otherwise the test above would not notice a lost field


def test_unknown_values_stay_absent() -> None:
    call = CallEntry(id="c", request_id="", caller="a", state=CallState.OPEN, started_at=AT)
    assert messages.CALL_ENTRY.from_wire(messages.CALL_ENTRY.to_wire(call)) == call
    assert messages.USAGE_QUERY.from_wire(pb.GetUsageRequest(time_zone="UTC"), strict=True) == UsageQuery()
    assert messages.CALLER_ACCOUNT.from_wire(pb.CallerAccount(name="a"), strict=True) == CallerAccount(name="a")


def test_groups_keep_their_values_in_order() -> None:
    group = UsageGroup(group={"model": "m", "caller": "a"}, calls=1, failed=2, nano_usd=3, reasoning_tokens=4)
    message = messages.usage_group_to_wire(group)
    assert list(message.values) == ["m", "a"]
    assert messages.usage_group_from_wire(message, ("model", "caller")) == group


@pytest.mark.parametrize(
    ("members", "wire"), [(Period, pb.Period), (CallState, pb.CallState), (Dimension, pb.Dimension)]
)
def test_every_enum_value_has_its_member(members: type[enum.Enum], wire: Any) -> None:
    assert len(wire.keys()) == len(members) + 1


def test_a_request_without_a_required_field_names_it() -> None:
    with pytest.raises(InvalidRequest, match="period: is required"):
        messages.BUDGET.from_wire(pb.Budget(caller="a"), strict=True)
    with pytest.raises(InvalidRequest, match="state: has a value"):
        messages.CALL_QUERY.from_wire(pb.ListCallsRequest(state=99), strict=True)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="by: has a value"):
        messages.USAGE_QUERY.from_wire(pb.GetUsageRequest(by=[pb.DIMENSION_UNSPECIFIED]), strict=True)


def test_a_newer_servers_values_do_not_fail() -> None:
    call = messages.CALL_ENTRY.to_wire(CALL)
    call.state = 99  # type: ignore[assignment]
    assert messages.CALL_ENTRY.from_wire(call).state is CallState.REFUSED
