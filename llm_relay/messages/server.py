"""What a server reports about itself: its models and its status."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class State(enum.Enum):
    """How healthy a server or its provider is; UNSPECIFIED: it has not been called yet."""

    UNSPECIFIED = "unspecified"
    HEALTHY = "healthy"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is known of one model; None: not known."""

    id: str
    provider: str
    tools: bool | None = None
    images: bool | None = None
    json_schema: bool | None = None
    reasoning: bool | None = None
    context_tokens: int | None = None
    input_nano_usd_per_million_tokens: int | None = None
    output_nano_usd_per_million_tokens: int | None = None
    cache_read_nano_usd_per_million_tokens: int | None = None
    cache_write_nano_usd_per_million_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The available models."""

    provider: str
    models: tuple[str, ...]
    default_model: str
    note: str = ""
    details: tuple[Model, ...] = ()
    """Details of the models that something is known about."""
    priced_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By model, other names that a price list may have for it. It is not sent to clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Health and configuration in force, never a secret."""

    server: str
    version: str
    state: State
    provider: str
    provider_configured: bool
    provider_state: State
    provider_error: str
    """Reason of the provider's last failure; empty: none since its last success.

    With several providers: "REASON name" of each that failed, comma-separated, in the order of the calls.
    """
    calls_processed: int
    default_model: str
    default_temperature: float
    default_max_tokens: int
    observed_at: datetime
    """In UTC."""
