"""The shapes of the answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# pydantic needs this one to read a TypedDict before Python 3.12.
from typing_extensions import TypedDict


class OpenAIError(TypedDict):
    """What went wrong; `code` is the relay's reason where OpenAI has no code."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIErrorDocument(TypedDict):
    """An error, as OpenAI's clients read it."""

    error: OpenAIError


class RelayMembers(TypedDict):
    """What the relay knows and OpenAI's shape has no place for."""

    request_id: str
    provider: str
    price_source: str | None
    finish_reason: str | None


class ChatUsage(TypedDict):
    """Tokens; `cost` in USD, absent where no price is known."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]
    completion_tokens_details: dict[str, int]
    accuracy: str
    cost: NotRequired[float]


class ChatMessage(TypedDict):
    """What the model said."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    annotations: list[Any]
    tool_calls: NotRequired[list[dict[str, Any]]]
    reasoning_content: NotRequired[str]
    reasoning_details: NotRequired[list[dict[str, Any]]]


class ChatChoice(TypedDict):
    """The one choice."""

    index: int
    message: ChatMessage
    logprobs: None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]


class ChatCompletion(TypedDict):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    relay: RelayMembers
    usage: NotRequired[ChatUsage]
    service_tier: NotRequired[str]


class ResponseDocument(TypedDict):
    """A whole response, as OpenAI's specification has it, with `relay` beside its members."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed", "incomplete"]
    model: str
    output: list[dict[str, Any]]
    usage: dict[str, Any] | None
    relay: RelayMembers


class ModelDocument(TypedDict):
    """One model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class OpenAIModelList(TypedDict):
    """The models that can be asked for."""

    object: Literal["list"]
    data: list[ModelDocument]
