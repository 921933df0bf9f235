"""AccountService over a real channel: what it shows to whom, what it changes, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from llm_relay.caller_tokens import Tokens, token_mark
from llm_relay.client.account_client import AccountClient
from llm_relay.errors import (
    Draining,
    InvalidRequest,
    Overloaded,
    PermissionDenied,
    RelayError,
    Unauthenticated,
    Unsupported,
)
from llm_relay.messages import Prompt
from llm_relay.messages.accounts import (
    Activity,
    Adjustment,
    Budget,
    CallEntry,
    CallerAccount,
    CallQuery,
    CallState,
    Dimension,
    Period,
    Price,
    RateLimits,
    UsageQuery,
)
from server_b.authentication import OWN_MARK
from server_b.grpc_server.accounts.servicer import MOST_WATCHERS
from tests.support.memory_ledger import MemoryLedger
from tests.support.serving import Serving, serving

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 26, tzinfo=UTC)
PATIENCE_S = 60
TOKENS = "root:root-secret,alice:alice-secret,gw:gw-secret"


def entry(number: int, caller: str, **fields: object) -> CallEntry:
    """Makes a call that has ended."""
    call = CallEntry(id=f"c{number}", request_id=f"r{number}", caller=caller, state=CallState.SETTLED, started_at=AT)
    return dataclasses.replace(call, **fields)  # type: ignore[arg-type]


@pytest.fixture
def ledger() -> MemoryLedger:
    """A ledger with calls of alice, over two interfaces, and of bob."""
    return MemoryLedger(
        entry(1, "alice", nano_usd=5),
        entry(2, "gateway/alice", nano_usd=7),
        entry(3, "bob", model="m", provider="mock"),
    )


@pytest.fixture
async def served(ledger: MemoryLedger) -> AsyncIterator[Serving]:
    """A server with tokens, whose admin is root."""
    async with serving(ledger=ledger, tokens=TOKENS, delegates=("gw",), admins=("root",)) as server:
        yield server


@pytest.fixture
async def root(served: Serving) -> AsyncIterator[AccountClient]:
    """An admin's client."""
    async with served.accounts("root-secret") as client:
        yield client


@pytest.fixture
async def alice(served: Serving) -> AsyncIterator[AccountClient]:
    """A caller's client."""
    async with served.accounts("alice-secret") as client:
        yield client


async def test_every_caller_can_ask_who_it_is(root: AccountClient, alice: AccountClient) -> None:
    await root.put_caller(CallerAccount(name="alice", rates=RateLimits(calls_per_minute=60)))
    await root.put_budget(Budget(caller="alice", period=Period.DAY, time_zone="", limit_nano_usd=10))
    identity = await alice.who_am_i()
    assert (identity.name, identity.is_admin) == ("alice", False)
    assert identity.account.rates.calls_per_minute == 60
    assert [(budget.caller, budget.time_zone) for budget in identity.budgets] == [("alice", "UTC")]
    assert (await alice.who_am_i(with_budgets=False)).budgets == ()
    assert (await root.who_am_i()).is_admin


async def test_the_caller_behind_a_program_is_shown_as_itself(served: Serving) -> None:
    async with served.accounts("gw-secret") as gateway:
        identity = await gateway.who_am_i(on_behalf_of="alice")
        assert (identity.name, identity.account.name) == ("gw/alice", "alice")
        assert (await gateway.who_am_i(token="alice-secret")).name == "alice"
        with pytest.raises(Unauthenticated) as refused:
            await gateway.who_am_i(token="rly_wrong")
        assert refused.value.is_of_caller


async def test_callers_see_only_their_own_calls(
    root: AccountClient, alice: AccountClient, ledger: MemoryLedger
) -> None:
    assert [call.id for call in (await root.calls()).calls] == ["c3", "c2", "c1"]
    assert [call.id for call in (await alice.calls()).calls] == ["c2", "c1"]
    assert [call.id for call in (await alice.calls(CallQuery(caller="gateway/alice"))).calls] == ["c2"]
    with pytest.raises(PermissionDenied, match="bob"):
        await alice.calls(CallQuery(caller="bob"))
    await alice.usage(UsageQuery(by=(Dimension.CALLER,)))
    assert ledger.usage_queries[-1].caller == "alice"
    with pytest.raises(PermissionDenied):
        await alice.usage(UsageQuery(caller="bob"))


async def test_calls_come_in_pages(root: AccountClient) -> None:
    first = await root.calls(CallQuery(limit=2))
    second = await root.calls(CallQuery(limit=2, page_token=first.next_page_token))
    assert [call.id for call in (*first.calls, *second.calls)] == ["c3", "c2", "c1"]
    assert second.next_page_token == ""
    with pytest.raises(InvalidRequest, match="page_size"):
        await root.calls(CallQuery(limit=1001))


async def test_usage_has_the_requested_groups(root: AccountClient, ledger: MemoryLedger) -> None:
    (group,) = await root.usage(UsageQuery(by=(Dimension.CALLER, Dimension.DAY), caller="alice", time_zone=""))
    assert (dict(group.group), group.calls, group.nano_usd) == ({"caller": "alice", "day": "alice"}, 1, 5)
    assert ledger.usage_queries[-1].time_zone == "UTC"


@pytest.mark.parametrize("change", range(11))
async def test_only_admins_may_change_anything(alice: AccountClient, ledger: MemoryLedger, change: int) -> None:
    budget = Budget(caller="alice", period=Period.DAY, limit_nano_usd=10)
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: alice.put_caller(CallerAccount(name="alice", is_admin=True)),
        lambda: alice.create_token("alice"),
        lambda: alice.rotate_token("t1"),
        lambda: alice.revoke_token("t1"),
        lambda: alice.put_budget(budget),
        lambda: alice.raise_budget("b1", 5),
        lambda: alice.delete_budget("b1"),
        lambda: alice.put_price(Price(pattern="mock/*", input=1, output=2)),
        lambda: alice.delete_price("p1"),
        alice.price_unknown_calls,
        lambda: alice.adjust(Adjustment(call_id="c1", nano_usd=-5, reason="a gift")),
    ]
    with pytest.raises(PermissionDenied, match="only admins"):
        await changes[change]()
    assert ledger.audit == []


async def test_only_admins_see_who_changed_what(alice: AccountClient) -> None:
    with pytest.raises(PermissionDenied):
        await alice.audit()


async def test_the_caller_behind_a_delegate_is_no_admin(served: Serving, root: AccountClient) -> None:
    await root.put_caller(CallerAccount(name="alice", is_admin=True))
    async with served.accounts("gw-secret") as gateway:
        assert not (await gateway.who_am_i(on_behalf_of="alice")).is_admin
        assert not (await gateway.who_am_i(on_behalf_of="root")).is_admin
    async with served.accounts("alice-secret") as alice:
        assert (await alice.who_am_i()).is_admin


async def test_a_token_works_at_once_and_stops_at_once(served: Serving, root: AccountClient) -> None:
    made = await root.create_token("carol", label="laptop", expires_at=datetime.now(UTC) + timedelta(days=1))
    assert made.secret.startswith("rly_")
    async with served.client(token=made.secret) as carol:
        assert (await carol.process(Prompt(message="Hi"))).text
        await root.revoke_token(made.info.id)
        with pytest.raises(Unauthenticated):
            await carol.process(Prompt(message="Hi"))
    (token,) = await root.tokens("carol")
    assert token.revoked_at is not None
    assert [audit.action for audit in await root.audit()][:1] == ["token.revoke"]


async def test_a_rotated_token_is_valid_beside_its_successor(root: AccountClient, served: Serving) -> None:
    former = await root.create_token("carol")
    successor = await root.rotate_token(former.info.id, overlap_s=3600)
    for secret in (former.secret, successor.secret):
        async with served.accounts(secret) as client:
            assert (await client.who_am_i()).name == "carol"
    await root.rotate_token(successor.info.id, overlap_s=0)
    async with served.accounts(successor.secret) as client:
        with pytest.raises(Unauthenticated):
            await client.who_am_i()


async def test_the_first_token_is_an_admins() -> None:
    async with serving(ledger=MemoryLedger()) as server, server.accounts() as anonymous:
        assert (await anonymous.who_am_i()).is_admin
        with pytest.raises(PermissionDenied, match="first valid token"):
            await anonymous.create_token("alice")
        root = await anonymous.create_token("root", is_admin=True)
        with pytest.raises(Unauthenticated):
            await anonymous.who_am_i()
        async with server.accounts(root.secret) as client:
            assert (await client.who_am_i()).is_admin
            alice = await client.create_token("alice")
        async with server.accounts(alice.secret) as client:
            assert not (await client.who_am_i()).is_admin


async def test_no_change_may_remove_the_last_admin() -> None:
    async with serving(ledger=MemoryLedger()) as server, server.accounts() as anonymous:
        with pytest.raises(PermissionDenied, match="no admin who has a valid token"):
            await anonymous.put_caller(CallerAccount(name="anonymous", is_disabled=True))
        root = await anonymous.create_token("root", is_admin=True)
        async with server.accounts(root.secret) as client:
            await client.put_caller(CallerAccount(name="anonymous", is_disabled=True))
            await client.create_token("alice")
            for change in (
                lambda: client.put_caller(CallerAccount(name="root")),
                lambda: client.put_caller(CallerAccount(name="root", is_admin=True, is_disabled=True)),
                lambda: client.revoke_token(root.info.id),
            ):
                with pytest.raises(PermissionDenied, match="no admin who has a valid token"):
                    await change()
            other = await client.create_token("other", is_admin=True)
            await client.revoke_token(root.info.id)
        async with server.accounts(other.secret) as client:
            assert (await client.who_am_i()).is_admin


async def test_the_last_token_may_be_revoked_where_none_is_needed() -> None:
    async with serving(ledger=MemoryLedger()) as server, server.accounts() as anonymous:
        root = await anonymous.create_token("root", is_admin=True)
        async with server.accounts(root.secret) as client:
            await client.revoke_token(root.info.id)
        assert (await anonymous.who_am_i()).is_admin


async def test_an_admin_of_the_settings_stays_when_the_others_are_removed(root: AccountClient) -> None:
    made = await root.create_token("carol", is_admin=True)
    await root.revoke_token(made.info.id)
    with pytest.raises(PermissionDenied, match="no admin who has a valid token"):
        await root.put_caller(CallerAccount(name="root", is_disabled=True))


async def test_a_change_of_a_budget_keeps_absent_fields(root: AccountClient, alice: AccountClient) -> None:
    oslo = Budget(caller="alice", period=Period.MONTH, time_zone="Europe/Oslo", limit_nano_usd=10)
    made = await root.put_budget(oslo)
    until = datetime.now(UTC) + timedelta(days=1)
    raised = await root.raise_budget(made.id, 5, until=until)
    assert (raised.raised_by_nano_usd, raised.raised_until) == (5, until)
    changed = await root.put_budget(dataclasses.replace(oslo, id=made.id, time_zone="", limit_nano_usd=20))
    assert (changed.time_zone, changed.limit_nano_usd, changed.raised_by_nano_usd) == ("Europe/Oslo", 20, 5)
    assert (await root.raise_budget(made.id, 0)).raised_until is None
    await root.put_budget(Budget(tag="project=x", period=Period.TOTAL, limit_nano_usd=1))
    assert [budget.caller for budget in await alice.budgets()] == ["alice"]
    assert len(await root.budgets()) == 2
    with pytest.raises(InvalidRequest, match="budget_id"):
        await root.raise_budget("nobody's", 5)
    await root.delete_budget(made.id)
    assert await alice.budgets() == []


async def test_prices_are_set_tried_and_then_used(root: AccountClient, alice: AccountClient) -> None:
    price = await root.put_price(Price(pattern="mock/*", input=1, output=2, cache_read=0))
    assert await alice.prices() == [price]
    (found,) = await alice.test_price("mock/anything")
    assert (found.provider, found.model, found.source) == ("mock", "anything", "mock")
    assert found.price is not None
    assert (found.price.input, found.price.output) == (0, 0)
    await root.delete_price(price.id)
    assert await root.prices() == []
    repricing = await root.price_unknown_calls()
    assert (repricing.priced, repricing.unknown) == (0, 1)  # nobody has its tokens
    call = await root.adjust(Adjustment(call_id="c1", nano_usd=-2, reason="the provider's credit"))
    assert call.nano_usd == 3


async def test_callers_are_listed_to_admins_and_themselves(root: AccountClient, alice: AccountClient) -> None:
    for name in ("bob", "alice"):
        await root.put_caller(CallerAccount(name=name, tags={"team": "x"}))
    assert [caller.name for caller in await root.callers()] == ["alice", "bob"]
    assert [caller.name for caller in await alice.callers()] == ["alice"]


async def test_watching_shows_calls_as_they_begin_and_end(
    root: AccountClient, alice: AccountClient, ledger: MemoryLedger
) -> None:
    opened = entry(4, "alice", state=CallState.OPEN)
    ledger.note(opened)
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(root.watch()) as activity:
        assert [(one.call, one.running) async for one in _first(activity, 1)] == [(None, 1)]
        ledger.note(entry(5, "bob", state=CallState.OPEN))
        ledger.note(dataclasses.replace(opened, state=CallState.SETTLED, outcome="stop", nano_usd=9, output_tokens=3))
        ledger.note(entry(5, "bob", outcome="INTERNAL"))
        seen = [one async for one in _first(activity, 3)]
    assert [(one.call and one.call.id, one.running, one.totals.calls) for one in seen] == [
        ("c5", 2, 0),
        ("c4", 1, 1),
        ("c5", 0, 2),
    ]
    totals = seen[-1].totals
    assert (totals.failed, totals.unknown_cost_calls, totals.nano_usd, totals.output_tokens) == (1, 1, 9, 3)


async def test_callers_may_watch_only_themselves(alice: AccountClient, ledger: MemoryLedger) -> None:
    ledger.note(entry(4, "gateway/alice", state=CallState.OPEN))
    ledger.note(entry(5, "bob", state=CallState.OPEN))
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(alice.watch()) as activity:
        assert (await anext(activity)).running == 1
        ledger.note(entry(6, "bob"))
        ledger.note(entry(7, "gateway/alice"))
        seen = await anext(activity)
    assert seen.call is not None
    assert (seen.call.id, seen.running) == ("c7", 1)
    with pytest.raises(PermissionDenied):
        await anext(alice.watch("bob"))


async def test_a_disabled_caller_stops_watching(root: AccountClient, alice: AccountClient) -> None:
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(alice.watch()) as activity:
        await anext(activity)
        await root.put_caller(CallerAccount(name="alice", is_disabled=True))
        with pytest.raises(Unauthenticated):
            await anext(activity)


async def test_a_former_admin_stops_watching_others(root: AccountClient, served: Serving) -> None:
    made = await root.create_token("carol", is_admin=True)
    async with (
        served.accounts(made.secret) as carol,
        asyncio.timeout(PATIENCE_S),
        contextlib.aclosing(carol.watch()) as activity,
    ):
        await anext(activity)
        await root.put_caller(CallerAccount(name="carol"))
        with pytest.raises(PermissionDenied):
            await anext(activity)


async def test_the_number_of_watchers_is_limited(alice: AccountClient) -> None:
    async with contextlib.AsyncExitStack() as watching, asyncio.timeout(PATIENCE_S):
        for _ in range(MOST_WATCHERS):
            await anext(await watching.enter_async_context(contextlib.aclosing(alice.watch())))
        with pytest.raises(Overloaded):
            await anext(alice.watch())
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(alice.watch()) as activity:
        await anext(activity)


async def test_watching_ends_when_the_server_stops(served: Serving, root: AccountClient) -> None:
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(root.watch()) as activity:
        await anext(activity)
        stopping = asyncio.create_task(served.server.drain(5, notice_s=1))
        with pytest.raises(Draining):
            await anext(activity)
        await stopping


async def test_without_a_ledger_every_method_is_unsupported() -> None:
    async with serving() as server, server.accounts() as client:
        for call in (client.who_am_i(), client.usage(), client.create_token("a"), anext(client.watch())):
            with pytest.raises(Unsupported, match="LEDGER=off"):
                await call


async def test_a_wrong_token_is_refused_by_every_method(served: Serving) -> None:
    async with served.accounts("rly_wrong") as client:
        with pytest.raises(RelayError, match="RELAY_TOKEN"):
            await client.usage()


async def _first(activity: AsyncIterator[Activity], count: int) -> AsyncIterator[Activity]:
    for _ in range(count):
        yield await anext(activity)


async def test_a_session_acts_as_its_caller_until_it_ends_and_never_as_more(served: Serving) -> None:
    async with served.accounts("gw-secret") as gateway:
        session = await gateway.create_session(on_behalf_of="root")
        assert session.info.caller == "gw/root"
        identity = await gateway.who_am_i(token=session.secret)
        assert (identity.name, identity.is_admin) == ("gw/root", False)
        await gateway.end_session(token=session.secret)
        with pytest.raises(Unauthenticated):
            await gateway.who_am_i(token=session.secret)


async def test_a_session_knows_the_settings_token_that_it_was_signed_in_with(
    served: Serving, ledger: MemoryLedger
) -> None:
    async with served.accounts("alice-secret") as alice:
        session = await alice.create_session(signed_in_with=token_mark("of nobody"))
        mark = (await alice.who_am_i(token=session.secret)).signed_in_with
        assert served_tokens("alice").has_marked(mark)
        assert not served_tokens("root").has_marked(mark)
    async with served.accounts("gw-secret") as gateway:
        given = token_mark("known to the gateway alone")
        session = await gateway.create_session(signed_in_with=given, on_behalf_of="bob")
        assert (await gateway.who_am_i(token=session.secret)).signed_in_with == given
        with pytest.raises(InvalidRequest, match="signed_in_with"):
            await gateway.create_session(signed_in_with="a secret", on_behalf_of="bob")
    async with serving(ledger=ledger, tokens="root:root-secret") as another, another.accounts("root-secret") as root:
        await root.who_am_i(token=session.secret)
        for gone in (info for info, _ in ledger.tokens.values() if info.caller == "alice"):
            assert gone.signed_in_with.startswith(OWN_MARK)


def served_tokens(name: str) -> Tokens:
    return Tokens.parse(f"{name}:{name}-secret")


async def test_a_caller_who_is_no_delegate_cannot_choose_which_token_its_session_ends_with(
    served: Serving, ledger: MemoryLedger
) -> None:
    async with served.accounts("alice-secret") as alice:
        given = token_mark("of nobody")
        session = await alice.create_session(signed_in_with=given, on_behalf_of="bob")
        assert session.info.caller == "alice"
        await alice.who_am_i(token=session.secret)
    async with serving(ledger=ledger, tokens="root:root-secret") as another, another.accounts("root-secret") as root:
        with pytest.raises(Unauthenticated):
            await root.who_am_i(token=session.secret)


async def test_a_session_of_a_disabled_caller_is_refused(served: Serving, root: AccountClient) -> None:
    async with served.accounts("gw-secret") as gateway:
        session = await gateway.create_session(on_behalf_of="bob")
        await root.put_caller(CallerAccount(name="bob", is_disabled=True))
        with pytest.raises(Unauthenticated):
            await gateway.who_am_i(token=session.secret)


async def test_a_session_does_not_get_the_rights_of_the_program_that_requests_it(ledger: MemoryLedger) -> None:
    await ledger.put_caller(CallerAccount(name="gw", is_admin=True), by="root")
    async with serving(ledger=ledger, tokens=TOKENS) as server, server.accounts("gw-secret") as gateway:
        with pytest.raises(PermissionDenied, match="RELAY_DELEGATES"):
            await gateway.create_session(on_behalf_of="bob")
        session = await gateway.create_session()
        assert (await gateway.who_am_i(token=session.secret)).is_admin


async def test_no_session_is_created_without_a_token(ledger: MemoryLedger) -> None:
    async with serving(ledger=ledger) as server, server.accounts() as client:
        with pytest.raises(InvalidRequest, match="has no tokens"):
            await client.create_session()
