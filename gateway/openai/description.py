"""OpenAI's interface in the OpenAPI document: bodies, responses and errors."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from gateway.openai.answer_shapes import OpenAIErrorDocument
from gateway.openai.bodies.chat import ChatBody
from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.errors import BadParam, error_body
from gateway.openai.examples import Example
from gateway.openapi.requests import PROMPT
from gateway.openapi.responses import ID_HEADER
from gateway.openapi.schemas import REFERENCE, reference
from gateway.streaming import EVENT_STREAM
from llm_relay import errors
from llm_relay.errors import RelayError

TAG = "OpenAI"
TAG_DESCRIPTION = {
    "name": TAG,
    "description": "OpenAI's interface. Point any client at `/v1`, with a token of the relay as its API key.",
}
_STATUSES = {
    400: "The request is invalid, or asks for something that is not supported. `param` names the member",
    401: "The token is missing or wrong",
    402: "No price is known for the model, and a budget or `max_cost_usd` applies",
    403: "The caller may not do this",
    404: "The model does not exist",
    408: "The body did not arrive in time",
    413: "The request is too large",
    429: "A rate limit of the provider, or a rate limit or budget of the caller",
    500: "An error of the relay",
    502: "The provider's answer is malformed, or the provider refuses the relay's key",
    503: "The provider or the relay cannot answer now. `retry-after` says when to retry",
    504: "The deadline has passed",
}


_FAILURES: dict[int, RelayError] = {
    400: BadParam("messages", "messages: must not be empty"),
    401: errors.Unauthenticated(),
    402: errors.PriceUnknown(),
    403: errors.PermissionDenied(),
    404: errors.UnknownModel("The model 'gpt-9' does not exist. GET /v1/models lists the available models"),
    408: errors.DeadlineExceeded("the body did not arrive in time"),
    413: errors.TooLarge(),
    429: errors.ProviderRateLimited(),
    500: errors.Internal(),
    502: errors.ProviderProtocol(),
    503: errors.ProviderUnavailable(),
    504: errors.DeadlineExceeded(),
}
"""An error for each status, as an example."""


def _failed(status: int) -> dict[str, Any]:
    content = {"schema": reference(OpenAIErrorDocument), "example": error_body(_FAILURES[status])}
    return {"description": _STATUSES[status], "headers": ID_HEADER, "content": {"application/json": content}}


def described_responses(
    example: Example, *, streamed: bool = False, events: str = ""
) -> dict[int | str, dict[str, Any]]:
    """Describes the responses of a route. The shape of the successful one is the route's response_model.

    `streamed`: the route streams if `stream` asks for it. `events` is an example of such a stream, if there is one.
    """
    content: dict[str, Any] = {"application/json": {"example": example}}
    if streamed:
        content[EVENT_STREAM] = {"schema": {"type": "string"}, **({"example": events} if events else {})}
    answer = {"description": "The answer", "headers": ID_HEADER, "content": content}
    return {200: answer, **{status: _failed(status) for status in _STATUSES}}


def described_body(body: type[Any], examples: dict[str, Example]) -> dict[str, Any]:
    """Returns the OpenAPI members of a route that parses its body itself."""
    content = {"application/json": {"schema": reference(body), "examples": examples}}
    return {**PROMPT, "requestBody": {"required": True, "content": content}}


def schemas() -> dict[str, Any]:
    """Returns the shapes of bodies and errors by name."""
    adapters = [(shape.__name__, "validation", TypeAdapter(shape)) for shape in (ChatBody, ResponsesBody)]
    failure = (OpenAIErrorDocument.__name__, "serialization", TypeAdapter(OpenAIErrorDocument))
    _, definitions = TypeAdapter.json_schemas([*adapters, failure], ref_template=REFERENCE)  # type: ignore[list-item]
    found: dict[str, Any] = definitions["$defs"]
    return found
