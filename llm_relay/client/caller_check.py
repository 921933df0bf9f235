"""Asks Server B who owns a token of the ledger."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import TracebackType
from typing import Self

from llm_relay.caller_tokens import ANONYMOUS, Caller, Tokens, ledger_token, token_digest
from llm_relay.client.account_client import AccountClient
from llm_relay.client.call_errors import tell_operator
from llm_relay.client.channel import Dial
from llm_relay.errors import RelayError, Unauthenticated, Unsupported

REMEMBERED_S = 1.0
"""How long a token that Server B has accepted is not checked again. Each call sends it to Server B anyway."""
NO_LEDGER_REMEMBERED_S = 60.0
MOST_REMEMBERED = 10_000
TIMEOUT_S = 10.0
ANONYMOUS_TIMEOUT_S = 2.0


class CallerCheck:
    """Identifies callers by RELAY_TOKENS, and asks Server B about tokens from its ledger."""

    def __init__(
        self, tokens: Tokens, dial: Dial, *, checks_anonymous: bool = False, anonymous_allowed: bool = True
    ) -> None:
        """`tokens` are this program's RELAY_TOKENS. If empty, a caller without a token from the ledger is anonymous.

        `checks_anonymous`: asks Server B about anonymous callers too, and accepts them if it cannot be reached.
        Unless `anonymous_allowed`, a token is always needed.
        Raises ValueError if a certificate cannot be used.
        """
        self._tokens = tokens
        self._checks_anonymous = checks_anonymous
        self._anonymous_allowed = anonymous_allowed
        self._no_ledger_until = 0.0
        """Loop time until which Server B is not asked about anonymous callers: it has no ledger, and logs each time."""
        self._accounts = AccountClient(dial, timeout_s=TIMEOUT_S)
        self._names: dict[bytes, tuple[float, str]] = {}
        self._asking: dict[bytes, asyncio.Task[str]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._accounts.close()

    async def caller(self, authorization: str | None) -> Caller:
        """Returns the caller. Raises Unauthenticated, or another RelayError if Server B cannot answer."""
        token = ledger_token(authorization)
        if not token or self._tokens.name_of(token) is not None:
            caller = Caller(self._tokens.caller(authorization))
            if caller.name == ANONYMOUS and not await self._accepts_anonymous():
                raise Unauthenticated(is_of_caller=True)
            return caller
        return Caller(await self._name_of(token), token)

    async def _accepts_anonymous(self) -> bool:
        if not self._anonymous_allowed:
            return False
        if not self._checks_anonymous or asyncio.get_running_loop().time() < self._no_ledger_until:
            return True
        return bool(await self._name_of(""))

    async def _name_of(self, token: str) -> str:
        """Returns the name of a token's owner; without a token ANONYMOUS, or "" if Server B requires a token."""
        digest, now = token_digest(token), asyncio.get_running_loop().time()
        until, name = self._names.get(digest, (0.0, ""))
        if now < until:
            return name
        asking = self._asking.get(digest)
        if asking is None:
            asking = self._asking[digest] = asyncio.create_task(self._ask(token) if token else self._ask_anonymous())
            asking.add_done_callback(lambda done: self._asked(digest, done))
        # Other calls may wait for this task, so one that gives up must not cancel it.
        name = await asyncio.shield(asking)
        if len(self._names) >= MOST_REMEMBERED:
            self._names.clear()
        self._names[digest] = (now + REMEMBERED_S, name)
        return name

    def _asked(self, digest: bytes, done: asyncio.Task[str]) -> None:
        self._asking.pop(digest, None)
        if not done.cancelled():
            done.exception()  # retrieved here, because no caller may be waiting any more

    async def _ask(self, token: str) -> str:
        try:
            found = await self._accounts.who_am_i(with_budgets=False, token=token)
        except Unsupported as error:  # no ledger, so no token of it
            raise Unauthenticated(is_of_caller=True) from error
        if found.signed_in_with and not self._tokens.has_marked(found.signed_in_with):
            raise Unauthenticated("the token that this session signed in with is no longer valid", is_of_caller=True)
        return found.name

    async def _ask_anonymous(self) -> str:
        try:
            async with asyncio.timeout(ANONYMOUS_TIMEOUT_S):
                await self._accounts.who_am_i(with_budgets=False, on_behalf_of=ANONYMOUS)
        except Unauthenticated as error:
            tell_operator(error)
            return "" if error.is_of_caller else ANONYMOUS  # otherwise Server B refused this program's own token
        except Unsupported:
            self._no_ledger_until = asyncio.get_running_loop().time() + NO_LEDGER_REMEMBERED_S
            return ANONYMOUS
        except (RelayError, TimeoutError):
            return ANONYMOUS
        return ANONYMOUS


async def needs_token(dial: Dial) -> bool:
    """Returns whether Server B has tokens for callers who come through this program; False if it cannot be asked.

    Callers without one must be refused by this program: Server B accepts them as the program itself if the program has
    a token and is no delegate.
    """
    try:
        refused = await _refusal_of_anonymous(dial)
        if refused is None and dial.token:
            refused = await _refusal_of_anonymous(replace(dial, token=""))
            return refused is not None and refused.is_of_caller
    except RelayError:
        return False
    # Otherwise Server B refuses this program's own token.
    return refused is not None and (refused.is_of_caller or not dial.token)


async def _refusal_of_anonymous(dial: Dial) -> Unauthenticated | None:
    """Returns why Server B refuses a caller without a token; None: it does not. Raises RelayError if it is away."""
    async with AccountClient(dial, timeout_s=TIMEOUT_S) as client:
        try:
            await client.who_am_i(with_budgets=False, on_behalf_of=ANONYMOUS)
        except Unauthenticated as error:
            return error
        except Unsupported:  # it has no ledger
            return None
    return None
