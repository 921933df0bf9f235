"""What is wrong with the fields of a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field of a request, and how to fix it."""

    field: str
    description: str


MAX_VIOLATIONS = 20
"""How many violations one error names. A gRPC status can have at most 8 KiB."""
PROMPT_TOO_LONG = "context_length_exceeded"
"""The cause of a PROVIDER_REJECTED whose prompt is longer than the model accepts."""
