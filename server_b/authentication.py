"""Who is calling: the tokens of RELAY_TOKENS, those of the ledger, and those that `relay serve` made for its programs.

As soon as one token is valid, in RELAY_TOKENS or in the ledger, calls without a token are refused.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime

from llm_relay.errors import InvalidRequest, Unauthenticated, Violation
from llm_relay.messages.accounts import TokenInfo
from llm_relay.metadata import ON_BEHALF_OF
from llm_relay.tokens import (
    ANONYMOUS,
    CALLER_NAME,
    LEDGER_PREFIX,
    NAME_RULE,
    Tokens,
    bearer_token,
    token_digest,
    token_mark,
)
from server_b.ledger.base import Access, Books, Policy

_NO_TOKENS = Tokens({})
OWN_MARK = "own "
"""Before the mark of a session whose token was in this server's own RELAY_TOKENS."""
_DISABLED = "this caller is disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a call says of its caller."""

    authorization: str | None = None
    """`Bearer TOKEN`."""
    on_behalf_of: str | None = None
    """The name of the caller's own caller, accepted from delegates only."""
    is_local: bool = False
    """Whether it comes over loopback or a Unix socket."""
    is_behind_local: bool = False
    """Whether the program that calls says so of its own caller too."""


class Authenticator:
    """Tells callers by their tokens, and admins among them."""

    def __init__(
        self,
        tokens: Tokens = _NO_TOKENS,
        *,
        own_tokens: Tokens = _NO_TOKENS,
        books: Books | None = None,
        admins: Set[str] = frozenset(),
        anonymous_allowed: bool = True,
    ) -> None:
        """`own_tokens` are those of the programs in front, which are delegates; `books` None: there is no ledger.

        `admins` are full names, as in RELAY_ADMINS. `anonymous_allowed` False: a token is needed in any case.
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
        """Whether a token is valid, of RELAY_TOKENS or of the ledger."""
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
        """Returns the caller's name, as `caller` does. For a token that is not known yet, the ledger is read again."""
        token = bearer_token(credentials.authorization)
        if self._books and token.startswith(LEDGER_PREFIX) and token_digest(token) not in self._books.policy.tokens:
            await self._books.refresh()
        return self.caller(credentials)

    def caller(self, credentials: Credentials) -> str:
        """Returns the caller's name, `delegate/name` for a delegate's caller; ANONYMOUS where no token is needed.

        Raises Unauthenticated for missing and for wrong credentials alike, and for callers that are disabled;
        InvalidRequest for a delegate's bad name.
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
                raise Unauthenticated(is_of_caller=not token and behind == ANONYMOUS and not self._tokens)
            name = ANONYMOUS
        if self._is_disabled(name):
            raise Unauthenticated(_DISABLED)
        if behind is None or name not in self._tokens.delegates:
            return name
        return self._behind(name, behind, is_own=False)

    def ledger_token(self, credentials: Credentials) -> TokenInfo | None:
        """Returns the ledger's token that a call was made with, if it is one and valid."""
        return self._ledger_token(bearer_token(credentials.authorization))

    def is_admin(self, caller: str, credentials: Credentials) -> bool:
        """Whether a caller that `caller` has named may see and change what belongs to others.

        Delegates lend no rights: `gateway/alice` is an admin only if RELAY_ADMINS says so.
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
        """Returns what a session keeps of the token of RELAY_TOKENS behind it, so that it ends with that token.

        `given` is a delegate's mark of a token that its own caller has signed in with. Who calls for itself has the
        token that it calls with. A token that is known here is checked here too.
        """
        token = bearer_token(credentials.authorization)
        is_delegate = (
            self._own_tokens.name_of(token) is not None or self._tokens.name_of(token) in self._tokens.delegates
        )
        if not (given and is_delegate and credentials.on_behalf_of is not None):
            given = token_mark(token)
        return f"{OWN_MARK}{given}" if self._tokens.has_marked(given) else given

    def keeps_an_admin(self, access: Access) -> bool:
        """Whether somebody may change accounts: an admin with a token, or, without tokens, anybody on this machine.

        Sessions do not count, because they end, nor do tokens of the programs that `relay serve` starts.
        """
        named = access.token_holders.union(self._tokens.names_by_digest.values())
        enabled = {name for name in named if name.rpartition("/")[2] not in access.disabled}
        if any(_admin_name(admin, self._tokens) in enabled for admin in self._admins) or enabled & access.admins:
            return True
        is_open = self._anonymous_allowed and not self._tokens and not enabled
        return is_open and ANONYMOUS not in access.disabled

    def _behind(self, delegate: str, name: str | None, *, is_own: bool) -> str:
        """Returns whom a delegate calls for."""
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
        # The operator gave this delegate a token, and no tokens to its callers: then they call as the delegate.
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
    def _has_ledger_token(self) -> bool:
        if self._books is None:
            return False
        policy = self._books.policy
        if policy is not self._policy:
            self._policy = policy
            self._valid_until = max((_end(token, policy) for token in policy.tokens.values()), default=-math.inf)
        return self._valid_until == math.inf or self._valid_until > datetime.now(UTC).timestamp()


def _end(token: TokenInfo, policy: Policy) -> float:
    """Returns until when a token is valid, as a Unix time."""
    if _is_disabled(policy, token.caller):
        return -math.inf
    return token.expires_at.timestamp() if token.expires_at else math.inf


def _is_disabled(policy: Policy, name: str) -> bool:
    account = policy.callers.get(name.rpartition("/")[2])
    return account is not None and account.is_disabled


def _admin_name(admin: str, tokens: Tokens) -> str:
    """Returns whose token a name of RELAY_ADMINS calls with: that of the delegate, whose own callers are not known."""
    delegate, slash, _ = admin.partition("/")
    return delegate if slash and delegate in tokens.delegates else admin
