"""How a program in front of Server B finds out whose a token is."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from llm_relay.caller_tokens import ANONYMOUS, Caller, Tokens
from llm_relay.client.caller_check import CallerCheck, needs_token
from llm_relay.client.channel import Dial
from llm_relay.errors import ServerBUnavailable, Unauthenticated
from llm_relay.messages.accounts import TokenInfo
from server_b.ledger.base import Policy
from tests.support.memory_ledger import MemoryLedger
from tests.support.serving import late_events, serving

pytestmark = pytest.mark.anyio

NOBODY = Dial(target="127.0.0.1:1")
BOB = Tokens.parse("bob:bob-secret")


class CountingLedger(MemoryLedger):
    """Counts how often a token that it does not know is looked up."""

    lookups = 0

    async def refresh(self) -> None:
        self.lookups += 1


async def _token(ledger: MemoryLedger) -> tuple[TokenInfo, str]:
    made = await ledger.create_token("alice", label="", expires_at=None, by="root")
    return made.info, made.secret


async def test_tokens_of_relay_tokens_are_checked_locally_and_those_of_the_ledger_by_server_b() -> None:
    ledger = MemoryLedger()
    _, secret = await _token(ledger)
    async with serving(ledger=ledger) as server_b, CallerCheck(BOB, Dial(target=server_b.target)) as check:
        assert await check.caller("Bearer bob-secret") == Caller("bob")
        assert await check.caller(f"Bearer {secret}") == Caller("alice", secret)
        for wrong in (None, "Bearer wrong", "Bearer rly_wrong", f"Basic {secret}"):
            with pytest.raises(Unauthenticated):
                await check.caller(wrong)


async def test_an_accepted_token_is_remembered_and_concurrent_checks_are_one_request() -> None:
    ledger = CountingLedger()
    _, secret = await _token(ledger)
    known = ledger.policy
    ledger.policy = Policy(revision=0)  # each check makes the server look up the token, and this time it is there
    ledger.refresh = _finding(ledger, known)  # type: ignore[method-assign]
    async with serving(ledger=ledger) as server_b, CallerCheck(BOB, Dial(target=server_b.target)) as check:
        callers = await asyncio.gather(*(check.caller(f"Bearer {secret}") for _ in range(5)))
        ledger.policy = Policy(revision=0)
        assert {one.name for one in callers} == {"alice"}
        assert (await check.caller(f"Bearer {secret}")).name == "alice"
    assert ledger.lookups == 1


def _finding(ledger: CountingLedger, policy: Policy):  # type: ignore[no-untyped-def]
    async def refresh() -> None:
        ledger.lookups += 1
        ledger.policy = policy

    return refresh


async def test_callers_without_a_token_are_let_in_until_server_b_requires_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = MemoryLedger()
    dial_tokens = Tokens.parse("")
    async with serving(ledger=ledger) as server_b:
        dial = Dial(target=server_b.target)
        assert not await needs_token(dial)
        async with CallerCheck(dial_tokens, dial, checks_anonymous=True) as check:
            assert (await check.caller(None)).name == ANONYMOUS
        await _token(ledger)
        assert await needs_token(dial)
        async with CallerCheck(dial_tokens, dial, checks_anonymous=True) as check:
            with pytest.raises(Unauthenticated):
                await check.caller(None)
        assert "RELAY_TOKEN is not set here" in caplog.text
        async with CallerCheck(dial_tokens, dial) as check:
            assert (await check.caller(None)).name == ANONYMOUS  # from here on each call reports it


async def test_an_unreachable_server_b_accepts_no_ledger_token_and_refuses_nobody_else() -> None:
    assert not await needs_token(NOBODY)
    async with CallerCheck(Tokens.parse(""), NOBODY, checks_anonymous=True) as check:
        assert (await check.caller(None)).name == ANONYMOUS
        with pytest.raises(ServerBUnavailable):
            await check.caller("Bearer rly_any")


async def test_a_server_b_that_cannot_answer_is_asked_once() -> None:
    asked = 0

    async def who_am_i(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        nonlocal asked
        asked += 1
        await context.abort(grpc.StatusCode.INTERNAL)  # which the channel does not repeat
        raise AssertionError("abort has raised")

    server = grpc.aio.server()
    methods: dict[str, Any] = {"WhoAmI": grpc.unary_unary_rpc_method_handler(who_am_i)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("relay.v1.AccountService", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        assert not await needs_token(Dial(target=f"127.0.0.1:{port}", token="a-token"))
    finally:
        await server.stop(None)
        await late_events()
    assert asked == 1


async def test_a_programs_own_token_is_not_its_callers() -> None:
    async with serving(tokens="front:a-token") as server_b:
        assert not await needs_token(Dial(target=server_b.target, token="a-token"))
        assert not await needs_token(Dial(target=server_b.target, token="another"))
        assert await needs_token(Dial(target=server_b.target))


async def test_tokens_of_the_ledger_are_for_callers_whatever_token_the_program_has() -> None:
    ledger = MemoryLedger()
    async with serving(tokens="front:a-token", ledger=ledger) as server_b:
        dial = Dial(target=server_b.target, token="a-token")
        assert not await needs_token(dial)
        _, secret = await _token(ledger)
        assert await needs_token(dial)
    async with serving(ledger=ledger) as server_b:
        assert await needs_token(Dial(target=server_b.target, token=secret))


async def test_where_callers_need_a_token_none_is_let_in_without_one_whatever_server_b_says() -> None:
    ledger = MemoryLedger()
    async with serving(ledger=ledger) as server_b:
        dial = Dial(target=server_b.target)
        async with CallerCheck(Tokens.parse(""), dial, checks_anonymous=True, anonymous_allowed=False) as check:
            for wrong in (None, "Bearer wrong"):
                with pytest.raises(Unauthenticated):
                    await check.caller(wrong)
            _, secret = await _token(ledger)
            assert (await check.caller(f"Bearer {secret}")).name == "alice"
        async with CallerCheck(BOB, dial, anonymous_allowed=False) as check:
            assert (await check.caller("Bearer bob-secret")).name == "bob"
