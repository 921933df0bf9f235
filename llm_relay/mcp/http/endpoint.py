"""Where MCP is served over HTTP, and to whom."""

from __future__ import annotations

from dataclasses import dataclass

from llm_relay.caller_tokens import Callers
from llm_relay.tls.http_server import HttpCertificates


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEndpoint:
    """An address to listen on, its protection, and its limits."""

    host: str
    port: int
    """0: any free port."""
    port_setting: str
    """The name of the setting that holds the port, for error messages."""
    allowed_hosts: tuple[str, ...]
    """Host headers accepted besides loopback's: `host` (any port) or `host:port`."""
    allowed_origins: tuple[str, ...]
    """Origin headers accepted besides loopback's, such as `https://app.example`."""
    callers: Callers
    """Identifies callers by their tokens."""
    certificates: HttpCertificates | None
    """None: no TLS."""
    max_message_bytes: int
    drain_s: float
    """How long running calls may take once the server is told to stop, in seconds."""
    stall_s: float
    """How long a client may read no data before its connection is closed, in seconds."""
