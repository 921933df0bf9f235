"""The gRPC interface of the ledger: identifies the caller, checks rights, asks the ledger, encodes."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.errors import Cancelled, Draining, Overloaded, PermissionDenied, RelayError, Unsupported
from llm_relay.messages import Models
from llm_relay.messages.accounts import RatesLeft
from llm_relay.wire.errors import aborting
from server_b.authentication import Authenticator, Credentials
from server_b.core.calls.record import Refused
from server_b.core.unexpected_errors import report
from server_b.grpc_server.accounts import changes, queries, sessions
from server_b.grpc_server.accounts.activity import watch
from server_b.grpc_server.accounts.asker import Asker
from server_b.grpc_server.accounts.requests import parse
from server_b.grpc_server.credentials import credentials_of, protocol_of
from server_b.grpc_server.stalled_readers import DEFAULT_STALL_S, write_within
from server_b.ledger.base import Ledger
from server_b.ledger.identities import NO_LEDGER
from server_b.pricing.price_lookup import PriceLookup

MOST_WATCHERS = 100
"""Most callers that may watch one server at once."""

Context = grpc.aio.ServicerContext[Any, Any]
Q = TypeVar("Q", bound=Message)
Method = Callable[[Any, Asker], Awaitable[Message]]

READING: dict[str, tuple[type[Message], Method]] = {
    "WhoAmI": (pb.WhoAmIRequest, queries.who_am_i),
    "GetUsage": (pb.GetUsageRequest, queries.get_usage),
    "ListCalls": (pb.ListCallsRequest, queries.list_calls),
    "ListCallers": (pb.ListCallersRequest, queries.list_callers),
    "ListTokens": (pb.ListTokensRequest, queries.list_tokens),
    "ListBudgets": (pb.ListBudgetsRequest, queries.list_budgets),
    "ListPrices": (pb.ListPricesRequest, queries.list_prices),
    "TestPrice": (pb.TestPriceRequest, queries.test_price),
    "ListAudit": (pb.ListAuditRequest, queries.list_audit),
    "CreateSession": (pb.CreateSessionRequest, sessions.create_session),
    "EndSession": (pb.EndSessionRequest, sessions.end_session),
}
"""Methods for every caller, about its own data."""
CHANGING: dict[str, tuple[type[Message], Method]] = {
    "PutCaller": (pb.PutCallerRequest, changes.put_caller),
    "CreateToken": (pb.CreateTokenRequest, changes.create_token),
    "RotateToken": (pb.RotateTokenRequest, changes.rotate_token),
    "RevokeToken": (pb.RevokeTokenRequest, changes.revoke_token),
    "PutBudget": (pb.PutBudgetRequest, changes.put_budget),
    "RaiseBudget": (pb.RaiseBudgetRequest, changes.raise_budget),
    "DeleteBudget": (pb.DeleteBudgetRequest, changes.delete_budget),
    "PutPrice": (pb.PutPriceRequest, changes.put_price),
    "DeletePrice": (pb.DeletePriceRequest, changes.delete_price),
    "PriceUnknownCalls": (pb.PriceUnknownCallsRequest, changes.price_unknown_calls),
    "AdjustCall": (pb.AdjustCallRequest, changes.adjust_call),
}
"""Methods for admins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What AccountService needs."""

    ledger: Ledger
    prices: PriceLookup
    list_models: Callable[[], Awaitable[Models]]
    rates_left: Callable[[str], RatesLeft | None] | None = None
    """Returns what a caller's rates have left; None: not known."""


class AccountServicer:
    """Serves relay.v1.AccountService from one ledger."""

    def __init__(
        self,
        accounts: Accounts | None,
        authenticator: Authenticator,
        refused: Refused,
        *,
        stall_s: float = DEFAULT_STALL_S,
    ) -> None:
        """Without `accounts`, every method is UNSUPPORTED. A watcher may read no data for `stall_s` seconds."""
        self._refused = refused
        self._accounts = accounts
        self._authenticator = authenticator
        self._stall_s = stall_s
        self._stopping = False
        self._watchers = 0

    def stop(self) -> None:
        """Ends the streams of all watchers within a second."""
        self._stopping = True

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Returns the methods by their name in the contract."""
        unary = {
            name: self._unary(name, request, method, needs_admin=name in CHANGING)
            for name, (request, method) in {**READING, **CHANGING}.items()
        }
        return {**unary, "WatchActivity": grpc.unary_stream_rpc_method_handler(self._watch, None, _serialize)}

    def _unary(
        self, rpc: str, request_type: type[Message], method: Method, *, needs_admin: bool
    ) -> grpc.RpcMethodHandler[Any, Any]:
        async def call(data: bytes, context: Context) -> Message:
            async with self._aborting(context, rpc):
                asker = self._asker(_credentials(context))
                request = parse(request_type, data)
                if needs_admin:
                    asker.check_admin()
                await context.send_initial_metadata(())  # from here on, no channel repeats the call
                return await method(request, asker)

        return grpc.unary_unary_rpc_method_handler(call, None, _serialize)

    async def _watch(self, data: bytes, context: Context) -> None:
        async with self._aborting(context, "WatchActivity"):
            credentials = _credentials(context)
            asker = self._asker(credentials)
            request = parse(pb.WatchActivityRequest, data)
            await context.send_initial_metadata(())

            def check() -> None:
                if self._stopping:
                    raise Draining
                self._authenticator.caller(credentials)
                if asker.is_admin and not self._authenticator.is_admin(asker.name, credentials):
                    raise PermissionDenied(f"{asker.name} is no longer an admin: watch again to see your own calls")

            with self._counted_watcher():
                async with contextlib.aclosing(watch(request, asker, check)) as responses:
                    async for response in responses:
                        await write_within(self._stall_s, context, response)

    @contextlib.contextmanager
    def _counted_watcher(self) -> Iterator[None]:
        if self._watchers >= MOST_WATCHERS:
            raise Overloaded(f"{MOST_WATCHERS} callers watch this server already; try again later")
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1

    def _asker(self, credentials: Credentials) -> Asker:
        """Returns the caller. Raises Unauthenticated, or Unsupported without a ledger."""
        name = self._authenticator.caller(credentials)
        if self._accounts is None:
            raise Unsupported(NO_LEDGER)
        return Asker(
            name=name,
            is_admin=self._authenticator.is_admin(name, credentials),
            token=self._authenticator.ledger_token(credentials),
            needs_token=self._authenticator.needs_token,
            keeps_an_admin=self._authenticator.keeps_an_admin,
            session_mark=functools.partial(self._authenticator.session_mark, credentials),
            ledger=self._accounts.ledger,
            prices=self._accounts.prices,
            list_models=self._accounts.list_models,
        )

    def _aborting(self, context: Context, rpc: str) -> aborting:
        def note(error: RelayError) -> None:
            if not isinstance(error, Cancelled | Draining):
                caller = self._authenticator.known_caller(_credentials(context))
                self._refused(rpc, error, protocol=protocol_of(context.invocation_metadata()), caller=caller)

        return aborting(context, report, note)


def _credentials(context: Context) -> Credentials:
    return credentials_of(context.invocation_metadata(), context.peer())


def _serialize(response: Any) -> bytes:
    serialized: bytes = response.SerializeToString()
    return serialized
