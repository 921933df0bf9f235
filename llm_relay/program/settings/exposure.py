"""A server that listens beyond this machine needs tokens and TLS."""

from __future__ import annotations

from llm_relay.addresses import is_loopback_host
from llm_relay.program.settings.program_settings import SettingsError


def check_exposure(host: str, host_setting: str, *, tokens: bool, tls: bool, insecure: bool) -> None:
    """Raises SettingsError if a server would listen beyond this machine without tokens or without TLS."""
    missing = [name for name, is_set in (("tokens (RELAY_TOKENS)", tokens), ("TLS", tls)) if not is_set]
    if not missing or insecure or is_loopback_host(host):
        return
    raise SettingsError(
        f"{host_setting}: {host} is not a loopback address, so this server needs {' and '.join(missing)};"
        f" set them, or {host_setting}=127.0.0.1, or RELAY_INSECURE=true on a trusted network"
    )
