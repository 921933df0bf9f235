"""Parts: the content of a turn or an answer that is more than text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from llm_relay.messages.json_text import is_json


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image, as bytes or as a URL that the provider fetches."""

    media_type: str = ""
    """Such as image/png; required with `data`."""
    data: bytes = b""
    url: str = ""
    """https, without credentials."""
    detail: str = ""
    """How closely to look, as a level of the provider; empty: its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document, as bytes or as a URL that the provider fetches."""

    media_type: str = ""
    """Such as application/pdf; required with `data`."""
    name: str = ""
    """The file's name; empty: none."""
    data: bytes = b""
    url: str = ""
    """https, without credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool by the model."""

    id: str
    name: str
    arguments_json: str = "{}"
    """The arguments as the model wrote them, valid JSON or not; empty becomes `{}`."""
    signature: bytes = b""
    """The provider's signature, which is sent back to it byte for byte."""

    def __post_init__(self) -> None:
        if self.arguments_json == "":
            object.__setattr__(self, "arguments_json", "{}")

    @property
    def arguments_valid(self) -> bool:
        """Whether the arguments are valid JSON."""
        return is_json(self.arguments_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """The model's reasoning before it answered. It is sent back unchanged to the provider that wrote it."""

    text: str = ""
    """May be empty if there is a signature."""
    signature: bytes = b""
    redacted: bytes = b""
    """Reasoning that only the provider can read."""
    provider: str = ""
    id: str = ""
    """The provider's id; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePoint:
    """Asks the provider to cache the prompt up to this place."""

    ttl_s: float | None = None
    """How long, in seconds, up to a day; None: the provider's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The text in which the model refused to answer."""

    text: str


ResultPart: TypeAlias = TextPart | Image | Document


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool returned for one call."""

    tool_call_id: str
    content: tuple[ResultPart, ...] = ()
    structured_json: str | None = None
    """The result as JSON text; None: none."""
    is_error: bool = False


Part: TypeAlias = TextPart | Image | Document | ToolCall | ToolResult | Reasoning | CachePoint | Refusal

PART_NAMES: dict[type[Part], str] = {
    TextPart: "text",
    Image: "image",
    Document: "document",
    ToolCall: "tool_call",
    ToolResult: "tool_result",
    Reasoning: "reasoning",
    CachePoint: "cache_point",
    Refusal: "refusal",
}
"""Each kind's name in the contract."""
