"""The shapes of the responses, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

# Before Python 3.12 pydantic needs this TypedDict.
from typing_extensions import TypedDict


class OpenAIError(TypedDict):
    """What went wrong. `code` is the relay's reason if OpenAI has no code for it."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIErrorDocument(TypedDict):
    """An error in OpenAI's shape."""

    error: OpenAIError


class RelayMembers(TypedDict):
    """What the relay knows and OpenAI's shape has no member for."""

    request_id: str
    provider: str
    price_source: str | None
    finish_reason: str | None


class ChatUsage(TypedDict):
    """Tokens. `cost` is in USD, and absent if no price is known."""

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
    """The only choice."""

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
    """A whole response in the shape of OpenAI's specification, with `relay` added."""

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
    """The available models."""

    object: Literal["list"]
    data: list[ModelDocument]
