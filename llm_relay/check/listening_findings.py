"""Checks whether a server may and can listen where its settings say, and who may call it."""

from __future__ import annotations

import errno

from llm_relay.addresses import listen, listen_fault, shown_address
from llm_relay.check.findings import Finding, failure, ok
from llm_relay.program.settings.exposure import check_exposure
from llm_relay.program.settings.program_settings import SettingsError
from llm_relay.program.settings.setting_groups import TokenSettings


def exposure_finding(
    host: str, host_setting: str, settings: TokenSettings, *, tls: bool, has_ledger_token: bool
) -> Finding:
    """Returns whether a server may listen on `host`, and who may call it there.

    `has_ledger_token` is whether Server B's ledger has a valid token.
    """
    tokens = bool(settings.tokens) or has_ledger_token
    try:
        check_exposure(host, host_setting, tokens=tokens, tls=tls, insecure=settings.relay_insecure)
    except SettingsError as error:
        return failure(str(error))
    names = sorted(set(settings.tokens.names_by_digest.values()))
    if has_ledger_token:
        names.append("callers with a token of the ledger")
    who = f"{', '.join(names) or 'anyone who reaches it'} may call"
    return ok(f"{host_setting}: {host}, {'over TLS' if tls else 'in plaintext'}; {who}")


def port_finding(host: str, port: int, host_setting: str, port_setting: str) -> Finding | None:
    """Returns whether a server can listen on host:port, or None if another program already does."""
    try:
        listen(host, port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        return failure(listen_fault(host, port, host_setting, port_setting, error))
    free = f"{shown_address(host, port)} is free" if port else "0, so the system picks a free port"
    return ok(f"{port_setting}: {free}")
