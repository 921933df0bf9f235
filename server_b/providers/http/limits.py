"""Time and size limits of the HTTP client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits, in seconds, and size limits of the HTTP client."""

    connect_timeout_s: float = 10.0
    """How long opening a connection may take: name resolution, a proxy's tunnel and TLS included."""
    idle_s: float = 15.0
    """How long an idle connection is kept for the next request, unless the server names a shorter time."""
    redial_within_s: float = 0.1
    """If a kept connection is lost within this time of a request, the request is sent again."""
    max_decoded_bytes: int = 256 * 2**20
    """Largest size that a compressed body may unpack to: a small one can unpack to more than any memory."""


DEFAULT_LIMITS = Limits()
