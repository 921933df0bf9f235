"""The programs in front of the billing provider, and the one budget that counts every call."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import Dial
from llm_relay.messages.accounts import Budget, Period
from scripts.ledger_proof.provider import PRICES, BillingProvider
from tests.support.doors import Addresses
from tests.support.programs import Program, running

FILE = "relay.db"


@contextlib.asynccontextmanager
async def server_b(folder: Path, provider: BillingProvider, **settings: str) -> AsyncIterator[Program]:
    """Runs Server B with its ledger in `folder`."""
    own = {
        "AI_PROVIDER": "openai",
        "OPENAI_API_KEY": "any",
        "OPENAI_BASE_URL": provider.base_url,
        "PRICES": PRICES,
        "GRPC_PORT": "0",
        "LEDGER": f"sqlite:///{folder / FILE}",
    }
    async with running(folder, "server_b", **(own | settings)) as program:
        yield program


@contextlib.asynccontextmanager
async def everything(folder: Path, provider: BillingProvider, **settings: str) -> AsyncIterator[Addresses]:
    """Runs Server B, the gateway, and Server A over HTTP."""
    async with server_b(folder, provider, **settings) as b:
        dial = {"SERVER_B_TARGET": b.address}
        async with (
            running(folder, "gateway", HTTP_PORT="0", **dial) as gateway,
            running(folder, "server_a", "http", MCP_PORT_A="0", **dial) as a,
        ):
            yield Addresses(server_b=b.address, gateway=gateway.address, mcp_http=a.address, mcp_sse="", folder=folder)


async def put_budget(target: str, *, limit_nano_usd: int, caller: str = "anonymous") -> None:
    """Creates the budget."""
    async with AccountClient(Dial(target=target)) as accounts:
        await accounts.put_budget(Budget(caller=caller, period=Period.TOTAL, limit_nano_usd=limit_nano_usd))
