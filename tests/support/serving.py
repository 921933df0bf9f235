"""A real Server B in the test's own process, on any free port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_relay import VERSION
from llm_relay.caller_tokens import Tokens
from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import DEFAULT_MAX_MESSAGE_BYTES, Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.tls.grpc_server import ServerCertificates
from server_b.authentication import Authenticator
from server_b.core.calls.record import Observer
from server_b.core.limits import Limits
from server_b.core.relay import Relay
from server_b.core.runner.gate import Gate
from server_b.grpc_server.accounts.servicer import Accounts
from server_b.grpc_server.server import Server
from server_b.grpc_server.stalled_readers import DEFAULT_STALL_S
from server_b.ledger.base import Ledger
from server_b.observers.call_log import CallLog
from server_b.pricing.price_list import FreePrices, PriceList
from server_b.pricing.price_lookup import PriceLookup
from server_b.providers.base import Defaults, Provider
from server_b.providers.mock.provider import MockProvider

DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)
CLIENT_TIMEOUT_S = 30.0
LATE_EVENTS_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A running server."""

    server: Server
    relay: Relay
    provider: Provider
    port: int

    @property
    def target(self) -> str:
        """The target for clients."""
        return f"127.0.0.1:{self.port}"

    def accounts(self, token: str = "") -> AccountClient:
        """Makes a client of this server's accounts. Use it with `async with`."""
        return AccountClient(Dial(target=self.target, token=token), timeout_s=CLIENT_TIMEOUT_S)

    def client(self, *, timeout_s: float = CLIENT_TIMEOUT_S, **dial: Any) -> RelayClient:
        """Makes a client of this server; `dial` are fields of Dial. Use it with `async with`."""
        return RelayClient(Dial(**({"target": self.target} | dial)), timeout_s=timeout_s)


@contextlib.asynccontextmanager
async def serving(
    provider: Provider | None = None,
    *,
    ledger: Ledger | None = None,
    admins: tuple[str, ...] = (),
    own_tokens: Tokens = Tokens({}),  # noqa: B008 - never changed
    tokens: str = "",
    delegates: tuple[str, ...] = (),
    limits: Limits | None = None,
    certificates: ServerCertificates | None = None,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    stall_s: float = DEFAULT_STALL_S,
    version: str = VERSION,
    port: int = 0,
) -> AsyncIterator[Serving]:
    """Serves `provider` until the block ends, then aborts running calls.

    `provider` None: a mock without delays that knows faults. `tokens`, `delegates` and `admins` have the forms of
    RELAY_TOKENS, RELAY_DELEGATES and RELAY_ADMINS. `own_tokens` are those of the programs that `relay serve` starts.
    `ledger` None: there is none. `port` 0: any free one.
    """
    provider = provider or MockProvider(delay_s=0, word_delay_s=0, faults_allowed=True)
    relay = create_relay(provider, limits=limits, version=version)
    server = Server(
        relay,
        authenticator=Authenticator(
            Tokens.parse(tokens, delegates), own_tokens=own_tokens, books=ledger, admins=frozenset(admins)
        ),
        accounts=Accounts(ledger=ledger, prices=PriceLookup({"mock": FreePrices()}), list_models=relay.list_models)
        if ledger
        else None,
        certificates=certificates,
        max_message_bytes=max_message_bytes,
        stall_s=stall_s,
    )
    bound = await server.start("127.0.0.1", port)
    try:
        yield Serving(server=server, relay=relay, provider=provider, port=bound)
    finally:
        await server.drain(0, notice_s=0)
        await relay.aclose()
        await provider.close()
        await late_events()


async def late_events() -> None:
    """Lets gRPC deliver its late events to this loop: events after a loop's end fail the test that runs then."""
    await asyncio.sleep(LATE_EVENTS_S)


def create_relay(
    provider: Provider,
    *,
    prices: Mapping[str, PriceList] | None = None,
    limits: Limits | None = None,
    gate: Gate | None = None,
    observers: Sequence[Observer] = (),
    version: str = VERSION,
) -> Relay:
    """Makes a Relay as Server B does, for tests without a wire; without `prices` only the mock's are known."""
    return Relay(
        provider,
        prices={"mock": FreePrices()} if prices is None else prices,
        defaults=DEFAULTS,
        limits=limits,
        gate=gate,
        observers=[CallLog(), *observers],
        version=version,
    )
