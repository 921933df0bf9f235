"""The caller of an AccountService method, and what it may see and change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llm_relay.errors import PermissionDenied
from llm_relay.messages.accounts import CallerAccount, TokenInfo
from server_b.ledger.base import Access, Ledger
from server_b.pricing.price_desk import PriceDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A caller of AccountService, and what answers it."""

    name: str
    """In full, as `gateway/alice`."""
    is_admin: bool
    token: TokenInfo | None
    """The ledger's token that the call was made with; None: another, or none."""
    needs_token: bool
    """Whether calls without a token are refused already."""
    ledger: Ledger
    prices: PriceDesk
    keeps_an_admin: Callable[[Access], bool]
    """Tells whether somebody may change accounts."""
    session_mark: Callable[[str], str]
    """Returns what is kept of the token of RELAY_TOKENS that a session is signed in with."""
    time_zone: str
    """Of budgets that name none."""

    @property
    def account_name(self) -> str:
        """The name that money and limits belong to."""
        return self.name.rpartition("/")[2]

    @property
    def account(self) -> CallerAccount:
        """The account, which the ledger need not know."""
        return self.ledger.policy.callers.get(self.account_name) or CallerAccount(name=self.account_name)

    def check_admin(self) -> None:
        """Raises PermissionDenied unless it is an admin."""
        if not self.is_admin:
            raise PermissionDenied(
                f"only admins may do that, and {self.name} is not one: add it to RELAY_ADMINS, or ask an admin to"
                " run `relay callers put NAME --admin`"
            )

    def check_access(self, before: Access, after: Access) -> None:
        """Raises PermissionDenied where a change would leave nobody who may make another."""
        if self.keeps_an_admin(before) and not self.keeps_an_admin(after):
            raise PermissionDenied(
                "this would leave no admin who has a valid token, so nobody could change accounts any more. Make"
                " another admin's token first: `relay tokens create NAME --admin`"
            )

    def seen(self, caller: str) -> str:
        """Returns whose things are shown where `caller`'s are asked for; empty: everybody's.

        Raises PermissionDenied if they are somebody else's.
        """
        if self.is_admin:
            return caller
        if caller and caller.rpartition("/")[2] != self.account_name:
            raise PermissionDenied(f"only admins may see data of {caller.rpartition('/')[2]}")
        return caller or self.account_name
