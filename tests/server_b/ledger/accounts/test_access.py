"""Two admins, at two servers of one ledger, who take each other's rights at the same moment: one of them is refused."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from llm_relay.client.account_client import AccountClient
from llm_relay.errors import PermissionDenied
from llm_relay.messages.accounts import CallerAccount, NewToken
from server_b.ledger.base import Ledger
from server_b.ledger.open_ledger import open_ledger
from tests.support.serving import Serving, serving

pytestmark = pytest.mark.anyio

ROUNDS = 3


@pytest.fixture
async def ledgers(ledger_url: str, tmp_path: Path) -> AsyncIterator[list[Ledger]]:
    """One ledger, opened twice."""
    async with AsyncExitStack() as stack:
        opened = [await open_ledger(ledger_url, folder=tmp_path) for _ in range(2)]
        for ledger in opened:
            stack.push_async_callback(ledger.aclose, grace_s=5)
        yield opened


@pytest.fixture
async def servers(ledgers: list[Ledger]) -> AsyncIterator[list[Serving]]:
    """Two servers of it."""
    async with serving(ledger=ledgers[0]) as first, serving(ledger=ledgers[1]) as second:
        yield [first, second]


async def learn(ledgers: list[Ledger]) -> None:
    """Lets both servers know of every change, which takes them up to a second by themselves."""
    for ledger in ledgers:
        await ledger.refresh()


async def outcomes_of(first: AccountClient, second: AccountClient, *, takes_tokens: bool) -> Sequence[object]:
    """Has two admins, a and b, take each other's rights, or tokens, at once."""
    if not takes_tokens:
        changes = (first.put_caller(CallerAccount(name="b")), second.put_caller(CallerAccount(name="a")))
        return await asyncio.gather(*changes, return_exceptions=True)
    tokens = {token.caller: token.id for token in await first.tokens() if token.revoked_at is None}
    revoked = (first.revoke_token(tokens["b"]), second.revoke_token(tokens["a"]))
    return await asyncio.gather(*revoked, return_exceptions=True)


async def new_admins(server: Serving, by: str) -> tuple[NewToken, NewToken]:
    """Makes a and b the only admins."""
    async with server.accounts(by) as client:
        first, second = [await client.create_token(name, is_admin=True) for name in ("a", "b")]
    async with server.accounts(first.secret) as client:
        await client.put_caller(CallerAccount(name="root"))
    return first, second


@pytest.mark.parametrize("takes_tokens", [False, True])
async def test_somebody_may_make_changes_afterwards(
    ledgers: list[Ledger], servers: list[Serving], *, takes_tokens: bool
) -> None:
    async with servers[0].accounts() as anonymous:
        root = await anonymous.create_token("root", is_admin=True)
    for _ in range(ROUNDS):
        made = await new_admins(servers[0], root.secret)
        await learn(ledgers)
        async with servers[0].accounts(made[0].secret) as first, servers[1].accounts(made[1].secret) as second:
            outcomes = await outcomes_of(first, second, takes_tokens=takes_tokens)
            refused = [isinstance(outcome, PermissionDenied) for outcome in outcomes]
            assert sorted(refused) == [False, True], outcomes
            winner = (first, second)[refused.index(False)]
            await winner.put_caller(CallerAccount(name="root", is_admin=True))
        await learn(ledgers)
        async with servers[0].accounts(root.secret) as client:
            for token in made:
                await client.put_caller(CallerAccount(name=token.info.caller))
                await client.revoke_token(token.info.id)


async def test_a_first_token_is_an_admins_also_where_its_caller_is_changed_meanwhile(
    ledgers: list[Ledger], servers: list[Serving]
) -> None:
    async with servers[0].accounts() as first, servers[1].accounts() as second:
        for number in range(ROUNDS):
            name = f"root{number}"
            made, put = await asyncio.gather(
                first.create_token(name, is_admin=True),
                second.put_caller(CallerAccount(name=name)),
                return_exceptions=True,
            )
            assert isinstance(made, NewToken)
            await learn(ledgers)
            async with servers[0].accounts(made.secret) as client:
                assert (await client.who_am_i()).is_admin, put
                await client.revoke_token(made.info.id)
            await learn(ledgers)
