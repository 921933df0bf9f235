"""Checks that the ledger can be used."""

from __future__ import annotations

import sqlite3

from llm_relay.check.findings import Finding, failure, ok
from server_b.ledger_settings import LedgerSettings


async def has_ledger_token(settings: LedgerSettings) -> bool:
    """Returns whether the ledger has a valid token; False if it cannot be read, which `ledger_finding` reports."""
    if not settings.has_ledger:
        return False
    from server_b.ledger.inspecting import has_valid_token
    from server_b.ledger.open_ledger import LedgerError

    try:
        return await has_valid_token(settings.ledger_url, folder=settings.ledger_folder)
    except (LedgerError, sqlite3.Error):
        return False


async def ledger_finding(settings: LedgerSettings) -> Finding:
    """Returns where the ledger is and whether it can be used. Changes nothing in it."""
    if not settings.has_ledger:
        return ok("LEDGER: off: calls are not recorded, and there are no budgets, rates or ledger tokens")
    from server_b.ledger.inspecting import newest_version, schema_version
    from server_b.ledger.open_ledger import LedgerError

    try:
        version = await schema_version(settings.ledger_url, folder=settings.ledger_folder)
    except LedgerError as error:
        return failure(str(error))
    place = settings.ledger_place
    if version == 0:
        return ok(f"LEDGER: {place} can be written; the first start creates the ledger")
    if version < newest_version():
        return ok(
            f"LEDGER: {place} has schema {version}; the next start changes it to {newest_version()}: back it up and"
            " stop every older server first"
        )
    return ok(f"LEDGER: {place} can be used")
