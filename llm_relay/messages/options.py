"""Options: how to answer a prompt."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the model may call."""

    name: str
    """1 to 64 of A-Za-z0-9_-; unique among the tools."""
    description: str = ""
    """What the tool does, for the model to read."""
    input_schema_json: str
    """The JSON Schema of the arguments, as text."""
    strict: bool | None = None
    """Whether the arguments must match the schema exactly; None: the provider's default."""


class ToolChoiceMode(enum.Enum):
    """Whether the model may, must not or must call tools."""

    AUTO = "auto"
    NONE = "none"
    """Calls no tool."""
    REQUIRED = "required"
    """Calls at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """Whether and which tools the model must call."""

    mode: ToolChoiceMode = ToolChoiceMode.AUTO
    """Not used if there is a name."""
    name: str | None = None
    """The tool that the model must call; None: `mode` decides."""
    parallel: bool | None = None
    """Whether the model may call several tools at once; None: the provider's default."""


class ResponseKind(enum.Enum):
    """A form of the answer's text."""

    TEXT = "text"
    JSON = "json"
    """Any JSON object."""
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFormat:
    """The form of the answer's text."""

    kind: ResponseKind = ResponseKind.TEXT
    name: str = ""
    """The schema's name; empty: none."""
    schema_json: str = ""
    """The JSON Schema, as text. Required with JSON_SCHEMA, empty otherwise."""
    strict: bool | None = None
    """Whether the answer must match the schema exactly; None: the provider's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the model picks its next token; None: the provider's default."""

    top_p: float | None = None
    """0 to 1."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer, at most MAX_STOPS."""
    seed: int | None = None
    """64 bits, signed."""
    frequency_penalty: float | None = None
    """-2 to 2."""
    presence_penalty: float | None = None
    """-2 to 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """Asks the model to reason before it answers."""

    effort: str = ""
    """A level of the provider, such as "low"; empty: not set."""
    max_tokens: int | None = None
    """1 or more; None: the provider's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to answer a prompt."""

    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    """None: the model decides."""
    response_format: ResponseFormat | None = None
    """None: plain text."""
    sampling: Sampling | None = None
    thinking: Thinking | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The caller's labels for the cost records, never sent to a provider."""
    provider_options: Mapping[str, str] = field(default_factory=dict, hash=False)
    """By provider, a JSON object, as text, that is added to the body of requests to that provider."""
    service_tier: str = ""
    """A tier of the provider; empty: its default."""
    max_cost_nano_usd: int | None = None
    """The most that the call may cost; None: no limit."""
    end_user: str = ""
    """The user of the caller's product; empty: not given."""


NO_OPTIONS = Options()
