"""Callers as the ledger knows them."""

from __future__ import annotations

from collections.abc import Set

from llm_relay.errors import Unsupported
from llm_relay.messages.accounts import CallerAccount, Identity
from server_b.ledger.base import Ledger

NO_LEDGER = "this server has no ledger (LEDGER=off), so it has no accounts, budgets or usage"


async def identity(ledger: Ledger | None, name: str, *, admins: Set[str]) -> Identity:
    """Returns a caller of this process, with its budgets. `admins` are the names in RELAY_ADMINS.

    Raises Unsupported if there is no ledger, LedgerUnavailable if it cannot be read.
    """
    if ledger is None:
        raise Unsupported(NO_LEDGER)
    account_name = name.rpartition("/")[2]
    account = ledger.policy.callers.get(account_name) or CallerAccount(name=account_name)
    budgets = await ledger.list_budgets(caller=account_name)
    is_admin = name in admins or (account.is_admin and name == account_name)
    return Identity(name=name, is_admin=is_admin, account=account, budgets=tuple(budgets))
