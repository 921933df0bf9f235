"""AccountClient: the callers, tokens, budgets, prices and usage of a relay, in plain Python.

    async with AccountClient(Dial(target="127.0.0.1:50051")) as accounts:
        for group in await accounts.usage(UsageQuery(by=(Dimension.CALLER,))):
            print(group.group["caller"], group.nano_usd)

Every failure raises a RelayError: Unsupported if the server has no ledger, PermissionDenied for what only admins may
see or change, InvalidRequest with the name of the wrong field.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.client.account_methods import AccountMethods
from llm_relay.client.call_errors import raising
from llm_relay.client.caller_metadata import caller_metadata
from llm_relay.client.channel import Dial
from llm_relay.client.connection import Connection
from llm_relay.client.responses import END, end, next_response, only_response
from llm_relay.messages.accounts import (
    Activity,
    Adjustment,
    AuditEntry,
    Budget,
    CallEntry,
    CallerAccount,
    CallQuery,
    CallsPage,
    Identity,
    NewToken,
    Price,
    PriceFound,
    Repricing,
    TokenInfo,
    UsageGroup,
    UsageQuery,
)
from llm_relay.wire import accounts as wire
from llm_relay.wire.codec import duration_to_wire, time_to_wire

DEFAULT_TIMEOUT_S = 30.0

R = TypeVar("R", bound=Message)


class AccountClient:
    """Calls relay.v1.AccountService over one channel, which is opened at the first call and closed with the context."""

    def __init__(self, dial: Dial | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """`timeout_s` is the deadline of each call in seconds; `watch` has none.

        Raises ValueError if a token would be sent in plaintext beyond this machine, or a certificate cannot be used.
        """
        self._dial = dial or Dial()
        self._timeout_s = timeout_s
        self._connection = Connection(self._dial, AccountMethods)
        self._acting: dict[str, Any] = {}

    def acting_for(self, *, on_behalf_of: str = "", token: str = "", is_local: bool = False) -> AccountClient:
        """Returns a client on the same channel that makes all its calls for one of this program's callers.

        `is_local` vouches that the caller is on this machine; such a caller has no token. Close only the original
        client.
        """
        other = copy.copy(self)
        other._acting = {"on_behalf_of": on_behalf_of, "token": token, "is_local": is_local}  # noqa: SLF001 - same class
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel."""
        await self._connection.close()

    async def who_am_i(self, *, with_budgets: bool = True, on_behalf_of: str = "", token: str = "") -> Identity:
        """Returns who the caller is, and what is left of its budgets.

        `on_behalf_of` and `token` name one of this program's callers, as in RelayClient.process.
        """
        request = pb.WhoAmIRequest(without_budgets=not with_budgets)
        response = await self._call(request, pb.WhoAmIResponse, on_behalf_of=on_behalf_of, token=token)
        return wire.IDENTITY.from_wire(response)

    async def usage(
        self, query: UsageQuery | None = None, *, on_behalf_of: str = "", token: str = ""
    ) -> Sequence[UsageGroup]:
        """Returns the total of calls by group; one row without groups. Only admins see other callers."""
        query = query or UsageQuery()
        request = wire.USAGE_QUERY.to_wire(query)
        response = await self._call(request, pb.GetUsageResponse, on_behalf_of=on_behalf_of, token=token)
        names = [dimension.value for dimension in query.by]
        return [wire.usage_group_from_wire(group, names) for group in response.groups]

    async def calls(self, query: CallQuery | None = None, *, on_behalf_of: str = "", token: str = "") -> CallsPage:
        """Returns a page of calls, newest first. Only admins see other callers."""
        query = query or CallQuery()
        request = wire.CALL_QUERY.to_wire(query, page_size=query.limit)
        response = await self._call(request, pb.ListCallsResponse, on_behalf_of=on_behalf_of, token=token)
        calls = tuple(wire.CALL_ENTRY.from_wire(call) for call in response.calls)
        return CallsPage(calls=calls, next_page_token=response.next_page_token)

    async def watch(self, caller: str = "") -> AsyncGenerator[Activity, None]:
        """Yields the totals, then each call as it begins and ends, until you leave the loop.

        Use `contextlib.aclosing`, so that the stream ends at once.
        """
        method = self._connection.stub().of(pb.WatchActivityRequest, pb.WatchActivityResponse)
        call = method(pb.WatchActivityRequest(caller=caller), metadata=caller_metadata(self._dial, **self._acting))
        try:
            with raising(self._dial, of_caller=bool(self._acting.get("token"))):
                while (response := await next_response(call)) is not END:
                    entry = wire.CALL_ENTRY.from_wire(response.call) if response.HasField("call") else None
                    totals = wire.usage_group_from_wire(response.totals)
                    yield Activity(call=entry, running=response.running, totals=totals)
        finally:
            await end(call)

    async def put_caller(
        self, caller: CallerAccount, *, fields: Iterable[str] | None = None, warn: Callable[[str], None] | None = None
    ) -> CallerAccount:
        """Creates or replaces a caller.

        `fields`, such as `is_disabled` or `rates.calls_per_minute`, are those to change if it exists; None: all. The
        others keep their values. With `fields`, the account is read first and sent whole, because an older server
        ignores `fields` and replaces the account. There, another admin's change at the same moment can be lost.
        `warn` is called with the reason if no call of the server would match one of `models`: a misspelled provider or
        model, for example.
        """
        mask = None if fields is None else FieldMask(paths=fields)
        if mask is not None:
            before = next((one for one in await self.callers() if one.name == caller.name), None)
            caller = before.with_fields_of(caller, mask.paths) if before else caller
        request = pb.PutCallerRequest(caller=wire.CALLER_ACCOUNT.to_wire(caller), update_mask=mask)
        response = await self._call(request, pb.PutCallerResponse)
        if response.warning and warn is not None:
            warn(response.warning)
        return wire.CALLER_ACCOUNT.from_wire(response.caller)

    async def callers(self) -> Sequence[CallerAccount]:
        """Returns the callers in the ledger, by name."""
        response = await self._call(pb.ListCallersRequest(), pb.ListCallersResponse)
        return [wire.CALLER_ACCOUNT.from_wire(caller) for caller in response.callers]

    async def create_token(
        self, caller: str, *, label: str = "", expires_at: datetime | None = None, is_admin: bool = False
    ) -> NewToken:
        """Creates a token, and its caller if it does not exist. The first valid token must be an admin's."""
        request = pb.CreateTokenRequest(caller=caller, label=label, is_admin=is_admin)
        if expires_at is not None:
            request.expires_at.CopyFrom(time_to_wire(expires_at))
        return _new_token(await self._call(request, pb.CreateTokenResponse))

    async def rotate_token(self, token_id: str, *, overlap_s: float | None = None) -> NewToken:
        """Creates another token for the same caller. The old one stays valid for `overlap_s` seconds (None: a day)."""
        overlap = None if overlap_s is None else duration_to_wire(overlap_s)
        return _new_token(
            await self._call(pb.RotateTokenRequest(token_id=token_id, overlap=overlap), pb.RotateTokenResponse)
        )

    async def revoke_token(self, token_id: str) -> TokenInfo:
        """Revokes a token. Every server refuses it within a second."""
        response = await self._call(pb.RevokeTokenRequest(token_id=token_id), pb.RevokeTokenResponse)
        return wire.TOKEN_INFO.from_wire(response.token)

    async def create_session(self, *, signed_in_with: str = "", on_behalf_of: str = "", token: str = "") -> NewToken:
        """Creates a token for the caller's browser session.

        `signed_in_with` is the `token_mark` of a token of RELAY_TOKENS that only this program knows.
        """
        request = pb.CreateSessionRequest(signed_in_with=signed_in_with)
        return _new_token(await self._call(request, pb.CreateSessionResponse, on_behalf_of=on_behalf_of, token=token))

    async def end_session(self, *, token: str) -> None:
        """Ends the session that has this token."""
        await self._call(pb.EndSessionRequest(), pb.EndSessionResponse, token=token)

    async def tokens(self, caller: str = "") -> Sequence[TokenInfo]:
        """Returns tokens without their secrets, newest first."""
        response = await self._call(pb.ListTokensRequest(caller=caller), pb.ListTokensResponse)
        return [wire.TOKEN_INFO.from_wire(token) for token in response.tokens]

    async def put_budget(self, budget: Budget) -> Budget:
        """Creates a budget, or changes the one with the same id, or with the same scope and period."""
        request = pb.PutBudgetRequest(budget=wire.BUDGET.to_wire(budget))
        return wire.BUDGET.from_wire((await self._call(request, pb.PutBudgetResponse)).budget)

    async def raise_budget(self, budget_id: str, nano_usd: int, *, until: datetime | None = None) -> Budget:
        """Adds to a budget's limit until a time (None: until its window ends)."""
        request = pb.RaiseBudgetRequest(budget_id=budget_id, nano_usd=nano_usd)
        if until is not None:
            request.until.CopyFrom(time_to_wire(until))
        return wire.BUDGET.from_wire((await self._call(request, pb.RaiseBudgetResponse)).budget)

    async def delete_budget(self, budget_id: str) -> None:
        """Ends a budget."""
        await self._call(pb.DeleteBudgetRequest(budget_id=budget_id), pb.DeleteBudgetResponse)

    async def budgets(self, caller: str = "") -> Sequence[Budget]:
        """Returns budgets and what has been spent: all of them, or those that apply to a caller."""
        response = await self._call(pb.ListBudgetsRequest(caller=caller), pb.ListBudgetsResponse)
        return [wire.BUDGET.from_wire(budget) for budget in response.budgets]

    async def put_price(self, price: Price, *, warn: Callable[[str], None] | None = None) -> Price:
        """Adds a price, or replaces the one with its id.

        `warn` is called with the reason if no call of the server would match the pattern.
        """
        request = pb.PutPriceRequest(price=wire.PRICE.to_wire(price))
        response = await self._call(request, pb.PutPriceResponse)
        if response.warning and warn is not None:
            warn(response.warning)
        return wire.PRICE.from_wire(response.price)

    async def delete_price(self, price_id: str) -> None:
        """Removes a price."""
        await self._call(pb.DeletePriceRequest(price_id=price_id), pb.DeletePriceResponse)

    async def prices(self) -> Sequence[Price]:
        """Returns the prices in the ledger, newest first."""
        response = await self._call(pb.ListPricesRequest(), pb.ListPricesResponse)
        return [wire.PRICE.from_wire(price) for price in response.prices]

    async def test_price(self, model: str) -> Sequence[PriceFound]:
        """Returns the price of a model at each provider that may be used."""
        response = await self._call(pb.TestPriceRequest(model=model), pb.TestPriceResponse)
        return [wire.PRICE_FOUND.from_wire(found) for found in response.found]

    async def price_unknown_calls(self, query: CallQuery | None = None) -> Repricing:
        """Prices calls of unknown cost. Uses only the query's caller, model, provider, since and until."""
        request = wire.UNKNOWN_CALLS.to_wire(query or CallQuery())
        return wire.REPRICING.from_wire(await self._call(request, pb.PriceUnknownCallsResponse))

    async def adjust(self, adjustment: Adjustment) -> CallEntry:
        """Corrects the cost of a call. Returns the call."""
        request = pb.AdjustCallRequest(
            call_id=adjustment.call_id, nano_usd=adjustment.nano_usd, reason=adjustment.reason
        )
        return wire.CALL_ENTRY.from_wire((await self._call(request, pb.AdjustCallResponse)).call)

    async def audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Returns who changed what, newest first."""
        response = await self._call(pb.ListAuditRequest(limit=limit), pb.ListAuditResponse)
        return [wire.AUDIT_ENTRY.from_wire(entry) for entry in response.entries]

    async def _call(self, request: Message, response: type[R], *, on_behalf_of: str = "", token: str = "") -> R:
        caller = {"on_behalf_of": on_behalf_of, "token": token} if on_behalf_of or token else self._acting
        with raising(self._dial, of_caller=bool(caller.get("token"))):
            method = self._connection.stub().of(type(request), response)
            metadata = caller_metadata(self._dial, **caller)
            answer: R = await only_response(method(request, timeout=self._timeout_s, metadata=metadata))
        return answer


def _new_token(response: Any) -> NewToken:
    return NewToken(info=wire.TOKEN_INFO.from_wire(response.token), secret=response.secret)
