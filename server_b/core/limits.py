"""Limits on calls: how many, how large and how long, and how often a provider is asked."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often the provider is asked, and how long it may send nothing. Times are in seconds."""

    attempts: int = 3
    """Most tries before the first delta."""
    first_token_s: float = 60.0
    """Longest silence before the first event."""
    token_gap_s: float = 60.0
    """Longest silence between two events."""
    retry_maybe_worked: bool = False
    """Whether a request is sent again although the provider may have worked on it, and may bill both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on calls. Times are in seconds."""

    timeout_s: float = 120.0
    """Deadline of a call whose caller sets none."""
    concurrent_calls: int = 1000
    running_bytes: int = 256 * 1024 * 1024
    """Memory that the prompts and answers of running calls may take before new calls are OVERLOADED."""
    answer_keep_s: float = 300.0
    """How long an answer is kept for a caller who repeats the request."""
    retry_grace_s: float = 10.0
    """How long a call continues after its client timed out, to be joined by the client's repeat; 0: not at all."""
    patience: Patience = field(default_factory=Patience)
