"""The events of a streamed answer.

`index` numbers the blocks of an answer from 0, in the order in which they begin; `sequence` counts the provider's
own events, from 1 for Started. An event that combines several of them has the number of the last.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from llm_relay.messages.parts import ToolCall
from llm_relay.messages.usage import Cost, Usage


class FinishReason(enum.Enum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    CANCELLED = "cancelled"
    OTHER = "other"
    TOOL_CALLS = "tool_calls"
    """The model waits for the results of its calls."""
    REFUSAL = "refusal"
    CONTEXT_EXCEEDED = "context_exceeded"
    """The model's context window was full."""
    MALFORMED_OUTPUT = "malformed_output"
    """The provider discarded output that it could not parse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The provider's first event has arrived."""

    request_id: str
    model: str
    provider: str
    sequence: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """More text."""

    text: str
    sequence: int
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningDelta:
    """More of the model's reasoning."""

    index: int
    text: str = ""
    signature: bytes = b""
    """On a block's last delta."""
    redacted: bytes = b""
    id: str = ""
    """On a block's first delta."""
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalDelta:
    """More of the text in which the model refuses to answer."""

    index: int
    text: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallStarted:
    """The model begins to call a tool."""

    index: int
    id: str
    name: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """More of a call's arguments; all deltas of a call add up to its `arguments_json`."""

    index: int
    arguments: str
    """Never empty."""
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallFinished:
    """A tool call is complete."""

    index: int
    call: ToolCall
    arguments_valid: bool
    """Whether the call's arguments are valid JSON."""
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of an answer, and what it used. `finish_reason` None: it failed."""

    finish_reason: FinishReason | None
    model: str
    usage: Usage
    cost: Cost
    completed_at: datetime
    """In UTC."""
    duration_s: float
    """From admission to the end."""
    service_tier: str = ""
    """The tier that the provider says it used; empty: not known."""
    sequence: int = 0
    """The last delta's number + 1; 0 if it is not part of a stream."""


OutputDelta: TypeAlias = Delta | ReasoningDelta | RefusalDelta | ToolCallStarted | ToolCallDelta | ToolCallFinished
"""The events between Started and Finished."""
Event: TypeAlias = Started | OutputDelta | Finished
