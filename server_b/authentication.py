"""Finds who is calling, by the tokens of RELAY_TOKENS, of the ledger, and of `relay serve` for its own programs.

As soon as RELAY_TOKENS or the ledger has a valid token, calls without a token are refused.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime

from llm_relay.caller_tokens import (
    ANONYMOUS,
    CALLER_NAME,
    LEDGER_PREFIX,
    NAME_RULE,
    Tokens,
    bearer_token,
    token_digest,
    token_mark,
)
from llm_relay.errors import InvalidRequest, RelayError, Unauthenticated, Violation
from llm_relay.messages.accounts import TokenInfo
from llm_relay.metadata import ON_BEHALF_OF
from server_b.ledger.base import Access, Books, Policy

_NO_TOKENS = Tokens({})
OWN_MARK = "own "
"""Prefix of the mark of a session whose token is in this server's own RELAY_TOKENS."""
_DISABLED = "this caller is disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a call says about its caller."""

    authorization: str | None = None
    """`Bearer TOKEN`."""
    on_behalf_of: str | None = None
    """Name of the caller that the caller calls for; accepted from delegates only."""
    is_local: bool = False
    """Whether the call comes over loopback or a Unix socket."""
    is_behind_local: bool = False
    """Whether the calling program says that its own caller is local too."""


class Authenticator:
    """Identifies callers by their tokens, and decides which are admins."""

    def __init__(
        self,
        tokens: Tokens = _NO_TOKENS,
        *,
        own_tokens: Tokens = _NO_TOKENS,
        books: Books | None = None,
        admins: Set[str] = frozenset(),
        anonymous_allowed: bool = True,
    ) -> None:
        """`own_tokens` are the tokens of the programs in front, which are delegates; `books` is None without a ledger.

        `admins` are full names, as in RELAY_ADMINS. Unless `anonymous_allowed`, a token is always needed.
        """
        self._tokens = tokens
        self._own_tokens = own_tokens
        self._books = books
        self._admins = admins
        self._anonymous_allowed = anonymous_allowed
        self._policy: Policy | None = None
        self._valid_until = -math.inf

    @property
    def has_tokens(self) -> bool:
        """Whether RELAY_TOKENS or the ledger has a valid token."""
        return bool(self._tokens) or self._has_ledger_token

    @property
    def needs_token(self) -> bool:
        """Whether calls without a token are refused."""
        return not self._anonymous_allowed or self.has_tokens

    @property
    def can_refuse(self) -> bool:
        """Whether a call may ever be refused for its credentials."""
        return self.needs_token or bool(self._own_tokens) or self._books is not None

    async def authenticate(self, credentials: Credentials) -> str:
        """Returns the caller's name, as `caller` does. Reads the ledger again if it may have the token by now."""
        token = bearer_token(credentials.authorization)
        if self._books and token.startswith(LEDGER_PREFIX) and token_digest(token) not in self._books.policy.tokens:
            await self._books.refresh()
        return self.caller(credentials)

    def caller(self, credentials: Credentials) -> str:
        """Returns the caller's name: `delegate/name` for a delegate's caller, ANONYMOUS if no token is needed or given.

        Raises Unauthenticated for missing or wrong credentials and for disabled callers, and InvalidRequest if the
        name that a delegate gives is malformed.
        """
        token = bearer_token(credentials.authorization)
        behind = credentials.on_behalf_of
        if (own := self._own_tokens.name_of(token)) is not None:
            return self._behind(own, behind, is_own=True)
        name = self._tokens.name_of(token)
        if name is None and (found := self._ledger_token(token)):
            name = found.caller
        if name is None:
            if token.startswith(LEDGER_PREFIX) or self.needs_token:
                raise Unauthenticated(is_of_caller=not token and behind == ANONYMOUS and self._callers_have_tokens)
            name = ANONYMOUS
        if self._is_disabled(name):
            raise Unauthenticated(_DISABLED)
        if behind is None or name not in self._tokens.delegates:
            return name
        return self._behind(name, behind, is_own=False)

    def known_caller(self, credentials: Credentials) -> str:
        """Returns the caller's name for a log, or "" if the credentials are not accepted."""
        try:
            return self.caller(credentials)
        except RelayError:
            return ""

    def ledger_token(self, credentials: Credentials) -> TokenInfo | None:
        """Returns the ledger token that a call was made with; None for another token or an invalid one."""
        return self._ledger_token(bearer_token(credentials.authorization))

    def is_admin(self, caller: str, credentials: Credentials) -> bool:
        """Tells whether a caller may see and change what belongs to others; `caller` is what `caller()` returned.

        Delegates pass on no rights: `gateway/alice` is an admin only if RELAY_ADMINS names it.
        """
        if caller in self._admins:
            return True
        if caller == ANONYMOUS and (credentials.on_behalf_of is None or credentials.is_behind_local):
            return credentials.is_local
        if credentials.on_behalf_of is not None or self._own_tokens.name_of(bearer_token(credentials.authorization)):
            return False
        account = self._books.policy.callers.get(caller) if self._books else None
        return account is not None and account.is_admin

    def session_mark(self, credentials: Credentials, given: str) -> str:
        """Returns the mark of the RELAY_TOKENS token that a session is based on. The session ends with that token.

        `given` is the mark, from a delegate, of the token that its caller signed in with. For a caller that calls for
        itself it is the token of this call. If the token is in this server's RELAY_TOKENS, the mark says so.
        """
        token = bearer_token(credentials.authorization)
        is_delegate = (
            self._own_tokens.name_of(token) is not None or self._tokens.name_of(token) in self._tokens.delegates
        )
        if not (given and is_delegate and credentials.on_behalf_of is not None):
            given = token_mark(token)
        return f"{OWN_MARK}{given}" if self._tokens.has_marked(given) else given

    def keeps_an_admin(self, access: Access) -> bool:
        """Tells whether anyone may change accounts: an admin with a token or, without tokens, anyone on this machine.

        Sessions do not count, because they end. The tokens of programs that `relay serve` starts do not count either.
        """
        named = access.token_holders.union(self._tokens.names_by_digest.values())
        enabled = {name for name in named if name.rpartition("/")[2] not in access.disabled}
        if any(_admin_name(admin, self._tokens) in enabled for admin in self._admins) or enabled & access.admins:
            return True
        is_open = self._anonymous_allowed and not self._tokens and not enabled
        return is_open and ANONYMOUS not in access.disabled

    def _behind(self, delegate: str, name: str | None, *, is_own: bool) -> str:
        """Returns the name of the caller that a delegate calls for."""
        if name is None:
            return delegate
        if not CALLER_NAME.fullmatch(name):
            raise InvalidRequest.of(Violation(ON_BEHALF_OF, NAME_RULE))
        if name != ANONYMOUS:
            if self._is_disabled(name):
                raise Unauthenticated(_DISABLED, is_of_caller=True)
            return f"{delegate}/{name}"
        if self._has_ledger_token or (is_own and self.needs_token) or self._is_disabled(name):
            raise Unauthenticated(is_of_caller=True)
        # The operator gave a token to this delegate but none to its callers, so they call as the delegate.
        return ANONYMOUS if is_own else delegate

    def _ledger_token(self, token: str) -> TokenInfo | None:
        found = self._books.policy.tokens.get(token_digest(token)) if self._books and token else None
        if found is None or found.has_expired(datetime.now(UTC)):
            return None
        mark = found.signed_in_with
        is_gone = mark.startswith(OWN_MARK) and not self._tokens.has_marked(mark.removeprefix(OWN_MARK))
        return None if is_gone else found

    def _is_disabled(self, name: str) -> bool:
        return self._books is not None and _is_disabled(self._books.policy, name)

    @property
    def _callers_have_tokens(self) -> bool:
        """Whether callers of a program could have tokens of their own: RELAY_TOKENS alone may list programs only."""
        return not self._tokens or self._has_ledger_token

    @property
    def _has_ledger_token(self) -> bool:
        if self._books is None:
            return False
        policy = self._books.policy
        if policy is not self._policy:
            self._policy = policy
            self._valid_until = max((_end(token, policy) for token in policy.tokens.values()), default=-math.inf)
        return self._valid_until == math.inf or self._valid_until > datetime.now(UTC).timestamp()


def _end(token: TokenInfo, policy: Policy) -> float:
    """Returns the Unix time until which a token is valid; inf: forever."""
    if _is_disabled(policy, token.caller):
        return -math.inf
    return token.expires_at.timestamp() if token.expires_at else math.inf


def _is_disabled(policy: Policy, name: str) -> bool:
    account = policy.callers.get(name.rpartition("/")[2])
    return account is not None and account.is_disabled


def _admin_name(admin: str, tokens: Tokens) -> str:
    """Returns the owner of the token that an admin of RELAY_ADMINS calls with: for DELEGATE/NAME, the delegate."""
    delegate, slash, _ = admin.partition("/")
    return delegate if slash and delegate in tokens.delegates else admin
