"""The caller of an AccountService method, and what the caller may see and change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from llm_relay.errors import PermissionDenied
from llm_relay.messages import Models
from llm_relay.messages.accounts import CallerAccount, TokenInfo
from server_b.ledger.base import Access, Ledger
from server_b.pricing.price_lookup import PriceLookup


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A caller of AccountService, and what its requests need."""

    name: str
    """The full name, such as `gateway/alice`."""
    is_admin: bool
    token: TokenInfo | None
    """The ledger token that the call was made with; None: another token, or none."""
    needs_token: bool
    """Whether calls without a token are refused already."""
    ledger: Ledger
    prices: PriceLookup
    list_models: Callable[[], Awaitable[Models]]
    keeps_an_admin: Callable[[Access], bool]
    """Tells whether anyone may change accounts."""
    session_mark: Callable[[str], str]
    """Returns the mark of the RELAY_TOKENS token that a session is signed in with."""

    @property
    def account_name(self) -> str:
        """Name of the account that spending and limits belong to."""
        return self.name.rpartition("/")[2]

    @property
    def account(self) -> CallerAccount:
        """The account, even if the ledger does not know it."""
        return self.ledger.policy.callers.get(self.account_name) or CallerAccount(name=self.account_name)

    def check_admin(self) -> None:
        """Raises PermissionDenied unless the caller is an admin."""
        if not self.is_admin:
            raise PermissionDenied(
                f"only admins may do that, and {self.name} is not one: add it to RELAY_ADMINS, or ask an admin to"
                " run `relay callers put NAME --admin`"
            )

    def check_access(self, before: Access, after: Access) -> None:
        """Raises PermissionDenied if a change would leave no one who may make another."""
        if self.keeps_an_admin(before) and not self.keeps_an_admin(after):
            raise PermissionDenied(
                "this would leave no admin who has a valid token, so nobody could change accounts any more. Make"
                " another admin's token first: `relay tokens create NAME --admin`"
            )

    def seen(self, caller: str) -> str:
        """Returns the caller whose data to show when `caller`'s is asked for; empty: all callers.

        Raises PermissionDenied if that is another caller's data and this caller is not an admin.
        """
        if self.is_admin:
            return caller
        if caller and caller.rpartition("/")[2] != self.account_name:
            raise PermissionDenied(f"only admins may see data of {caller.rpartition('/')[2]}")
        return caller or self.account_name
