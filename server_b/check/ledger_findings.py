"""Checks that the ledger can be used."""

from __future__ import annotations

from llm_relay.check.findings import Finding, failure, ok
from server_b.ledger_settings import LedgerSettings


async def ledger_finding(settings: LedgerSettings) -> Finding:
    """Returns where the ledger is and whether it can be used. Changes nothing in it."""
    if not settings.has_ledger:
        return ok("LEDGER: off: no calls are written, and there are no budgets, rates and tokens made at run time")
    from server_b.ledger.inspecting import newest_version, schema_version
    from server_b.ledger.open_ledger import LedgerError

    try:
        version = await schema_version(settings.ledger_url, folder=settings.ledger_folder)
    except LedgerError as error:
        return failure(str(error))
    place = settings.ledger_place
    if version == 0:
        return ok(f"LEDGER: {place} can be written; the first start makes the ledger")
    if version < newest_version():
        return ok(
            f"LEDGER: {place}, with schema {version}; the next start makes it {newest_version()}: back it up first"
        )
    return ok(f"LEDGER: {place} can be used")
