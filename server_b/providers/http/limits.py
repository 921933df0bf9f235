"""The times and sizes of the HTTP client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long the HTTP client waits and keeps, in seconds, and how much it takes."""

    connect_timeout_s: float = 10.0
    """For a connection with all that it needs: the server's addresses, a proxy's consent, TLS."""
    idle_s: float = 15.0
    """How long a connection is kept for the next request, where the server names no shorter time."""
    redial_within_s: float = 0.1
    """How soon after a request a kept connection must be lost for the request to be sent again."""
    max_decoded_bytes: int = 256 * 2**20
    """How much a compressed body may unpack to: a small one can unpack to more than any machine has."""


DEFAULT_LIMITS = Limits()
